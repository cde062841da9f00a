"""`whet demo`: the whole loop on text that every machine has."""
