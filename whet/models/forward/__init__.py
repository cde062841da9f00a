"""Models as objectives see them: bodies, heads, and attention that knows where samples begin."""
