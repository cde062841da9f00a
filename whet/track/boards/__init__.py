"""Boards: a task that is the same for all, and the runs that were entered for it, by what they reached."""
