"""The server's half of `whet runs push`: logs that grow, files of blocks, whose a run is, and what kills have left."""
