"""Imports: runs of other trackers become runs of ours, read from their files without their packages."""

from whet.track.imports.importing import Imported, import_runs

__all__ = ["Imported", "import_runs"]
