"""Decoding: how tokens are added to rows of a model, proven on its twin to give what the plain forward gives."""
