"""Files of a run by the path that a client gives: inside of the run's folder, or refused."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from whet.server.errors import invalid


def inside(folder: Path, path: str, *, with_links: bool = False) -> Path:
    """The place of a relative path within a folder. Raises Refusal for one that leads out of it, by links too.

    `with_links` is for folders whose links this program has made.
    """
    pure = PurePosixPath(path)
    is_odd = "\0" in path or "\\" in path or pure.is_absolute() or ".." in pure.parts or not pure.parts
    if is_odd or any(len(os.fsencode(part)) > 255 for part in pure.parts) or len(os.fsencode(path)) > 3000:
        raise invalid(f"{ascii(path[:80])} is no path within a run")
    place, real = folder / pure, os.path.realpath(folder / pure)
    if not with_links and not Path(real).is_relative_to(os.path.realpath(folder)):
        raise invalid(f"{ascii(path[:80])} leads out of the run")
    return place


def listed(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """The regular files below a folder with their relative paths, sorted; links and what else there is are left out."""
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            found = Path(place, name)
            if found.is_file() and not found.is_symlink():
                yield found.relative_to(folder).as_posix(), found.stat()
