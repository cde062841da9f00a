"""From what a config names to rows as they lie there: files, folders, hubs, tables, and mixtures of them."""
