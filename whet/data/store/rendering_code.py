"""Rendering code: the files of whet that decide what samples become of rows, which the token cache is keyed on.

What only orders, packs or reads samples may change without a cache being rendered again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

# Where rows become samples, and samples columns. Formats are found by name, so no import leads to them.
ROOTS = ("data/rows/detect.py", "data/store/table.py", "data/store/shard.py")
FORMATS = "data/formats"
# Rooms whose files count; what the rows below them do is part of no sample.
ROOMS = ("data/", "contracts/")
_IMPORT = re.compile(r"^\s*from whet\.([\w.]+) import (.+)$", re.MULTILINE)


def rendering_files(whet: Path, recipe: str) -> list[Path]:
    """The files under the package's folder that the recipe's (by its path there) and the ROOTS lead to by imports."""
    waiting = [recipe, *ROOTS, *(str(path.relative_to(whet)) for path in (whet / FORMATS).glob("*.py"))]
    found: dict[str, Path] = {}
    while waiting:
        name = waiting.pop()
        if name in found or not name.startswith(ROOMS) or not (whet / name).is_file():
            continue
        found[name] = whet / name
        waiting += _imported((whet / name).read_text(encoding="utf-8"))
    return [found[name] for name in sorted(found)]


def digest_of(files: Iterable[Path]) -> str:
    """One digest of what is in the files."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def _imported(text: str) -> Iterator[str]:
    """Files that may be meant by imports, those for types alone included."""
    for module, names in _IMPORT.findall(text):
        folder = module.replace(".", "/")
        yield f"{folder}.py"
        yield from (f"{folder}/{name.strip().split(' ')[0]}.py" for name in names.split(","))
