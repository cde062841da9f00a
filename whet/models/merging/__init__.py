"""Several sets of weights made one: adapters folded into their base, and models merged."""
