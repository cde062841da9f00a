"""Track: the record of a run, written while it trains and read while it lives and after."""
