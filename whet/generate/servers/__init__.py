"""Servers of other engines: what they are started with, and kept going."""
