"""What is read of runs: one, many, and which."""
