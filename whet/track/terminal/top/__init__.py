"""`whet top`: live runs on a full screen of a terminal, read as they grow."""
