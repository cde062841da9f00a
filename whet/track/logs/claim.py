"""Names of new run folders: made of what people call a run, and taken by one process alone."""

from __future__ import annotations

import itertools
import re
import unicodedata
from contextlib import suppress
from pathlib import Path

from whet.base.errors import RunError


def slug(name: str) -> str:
    """A name as a folder may have it: letters, digits, `.`, `_` and `-`; what is left of nothing is `run`."""
    return re.sub(r"[^\w.-]+", "-", unicodedata.normalize("NFC", name)).strip("-.")[:50] or "run"


def claimed(root: Path, name: str) -> Path:
    """A new folder that no other process takes: `<slug>`, `<slug>-2` and so on. Raises RunError where none can be."""
    stem = slug(name)
    try:
        root.mkdir(parents=True, exist_ok=True)
        for number in itertools.count(1):
            folder = root / (stem if number == 1 else f"{stem}-{number}")
            with suppress(FileExistsError):
                folder.mkdir()
                break
    except OSError as error:
        raise RunError(
            f"cannot make the run folder: {error.strerror}", at=str(root / stem), hint='init(dir="/tmp/runs")'
        ) from None
    return folder
