"""What a run records by itself: environment, console, hardware, the rows of each step, and state to compare runs by."""
