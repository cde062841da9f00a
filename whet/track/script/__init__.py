"""What a script that is tracked calls."""
