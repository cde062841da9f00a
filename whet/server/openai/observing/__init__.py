"""Observation: what became of each request, as traces in the store and to others, of as many as are sampled."""
