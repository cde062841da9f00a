"""Integrations: what records the training of other frameworks, a file each, which imports its framework.

They log to the run that is open, or begin one. They do not end it, unless the framework says that all is over:
`whet.track.finish()` does, or the end of the script. docs/guides/integrations.md has a line for each.
"""
