"""Accelerators of a machine by vendor: what their own tools say, read as numbers of each device."""
