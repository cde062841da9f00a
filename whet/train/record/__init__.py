"""What a training records by itself beside its figures: rows, tokens, state, layers."""
