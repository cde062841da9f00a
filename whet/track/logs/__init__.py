"""How a run lies on disk: writers' logs, their indexes, and who is alive."""
