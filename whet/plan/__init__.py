"""What fits, how fast, at what price: bytes and seconds of a run from its config, before anything is downloaded."""
