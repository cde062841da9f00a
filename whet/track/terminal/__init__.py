"""Runs as text for terminals."""
