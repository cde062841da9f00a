"""Push: a run folder is made the same on a server, while it is written or later, as often as it is interrupted."""
