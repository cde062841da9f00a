"""Samples as columns in files that are written once, named by all that decides them, and mapped back."""
