"""The run folder and what belongs to it while a run lives: lock, identity, controls, records."""
