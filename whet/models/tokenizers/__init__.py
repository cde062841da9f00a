"""Tokenizers: trained, read back, compared."""
