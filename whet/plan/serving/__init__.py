"""What a model takes of memory while it answers, how many conversations go on at once, and how fast."""
