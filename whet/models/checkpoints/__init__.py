"""Weights as they lie in folders: plain, quantized in several layouts, experts one by one, DeepSpeed's shards."""
