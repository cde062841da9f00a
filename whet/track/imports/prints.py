"""Prints: what changes when the files of a source do."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path


def print_of(files: Iterable[Path]) -> str:
    """A digest of names and contents of files."""
    whole = hashlib.sha256()
    for path in sorted(files):
        with path.open("rb") as file:
            whole.update(f"{path.name}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\0".encode(errors="replace"))
    return whole.hexdigest()[:32]
