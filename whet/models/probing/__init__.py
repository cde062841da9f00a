"""What is proven of a model on a tiny twin of it before anything expensive starts."""
