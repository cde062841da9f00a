"""From what a config names to a model: found, read, checked, built, filled."""
