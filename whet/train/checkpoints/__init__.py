"""Every stateful part of a run on disk, complete or not there at all."""
