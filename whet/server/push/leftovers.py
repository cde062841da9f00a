"""What pushes that were killed have left on a server: parts of files, and blocks that no file has taken."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from whet.server.push.owners import OWNERS

# A push that goes on within so long finds its blocks here; later it sends them again. Parts are of one request.
BLOCKS_S, PARTS_S = 7 * 86_400.0, 86_400.0
# Where runs are put together that have just begun to be pushed.
NEW = ".pushed/new"
# So often a server looks.
EVERY_S = 3600.0


class Leftovers:
    """Removes them from the store of blocks and the runs of a root, now and then. Raises nothing."""

    def __init__(self, root: Path, blocks: Path) -> None:
        self._root, self._blocks = root, blocks
        self._due = 0.0

    def look(self) -> None:
        """Remove what is too old, unless that was done shortly before."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + EVERY_S
        remove(self._root, self._blocks, time.time())


def remove(root: Path, blocks: Path, now: float) -> int:
    """Remove what is too old at Unix time `now`, and blocks and records of runs that are gone. Returns how many.

    The folder of a run's blocks stays, empty, as long as the run: it tells that files of it were pushed (`Served`).
    """
    num = 0
    for path in _entries(blocks):
        if not path.is_dir():
            num += _removed(path, now - PARTS_S)
        elif not (root / path.name).is_dir():
            num += sum(1 for _ in _entries(path))
            shutil.rmtree(path, ignore_errors=True)
        else:
            for block in _entries(path):
                num += _removed(block, now - (PARTS_S if block.suffix == ".part" else BLOCKS_S))
    for begun in _entries(root / NEW):
        if begun.is_dir() and begun.stat().st_mtime < now - PARTS_S:
            shutil.rmtree(begun, ignore_errors=True)
            num += 1
    for record in _entries(root / OWNERS):
        if not (root / record.stem).is_dir():
            num += _removed(record, now - PARTS_S)
    for run in _entries(root):
        for part in _entries(run / "track"):
            if part.suffix == ".part":
                num += _removed(part, now - PARTS_S)
    return num


def _removed(path: Path, before: float) -> bool:
    """Whether a file was older than that, and is gone."""
    with suppress(OSError):
        if path.stat().st_mtime < before:
            path.unlink()
            return True
    return False


def _entries(folder: Path) -> Iterator[Path]:
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        yield folder / name
