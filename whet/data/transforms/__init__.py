"""What becomes of a sample each time it is drawn: masked, corrupted, rearranged."""
