"""Routes: one file a door, each a router of its own."""
