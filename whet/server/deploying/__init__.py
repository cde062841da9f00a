"""Folders from which a served model is built and run elsewhere: an image, and what runs it."""
