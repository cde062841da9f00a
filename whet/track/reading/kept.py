"""Logs of many runs kept read, for whoever asks for the same ones again and again."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from whet.track.reading.read import History
from whet.track.reading.store import LOGS

# Logs of so many runs are kept.
KEPT = 256


@dataclass(slots=True)
class _Kept:
    """Logs as they were read, the files that they are, and the lock of whoever reads them."""

    logs: History
    files: dict[str, int]
    lock: threading.Lock = field(default_factory=threading.Lock)


class Histories:
    """The logs of the runs that were asked for last. Safe to use from several threads."""

    def __init__(self, most: int = KEPT) -> None:
        self._most = most
        self._kept: OrderedDict[Path, _Kept] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def of(self, folder: Path) -> Iterator[History]:
        """The logs of a run, up to date; one thread at a time."""
        files = _files(folder)
        with self._lock:
            kept = self._kept.get(folder)
            # A log that has taken another's place (an import, written anew) is not what has been read of it.
            if kept is None or any(files.get(name) != inode for name, inode in kept.files.items()):
                kept = _Kept(History(folder / LOGS), files)
            kept.files.update(files)
            self._kept[folder] = kept
            self._kept.move_to_end(folder)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        with kept.lock:
            kept.logs.refresh()
            yield kept.logs


def _files(folder: Path) -> dict[str, int]:
    """The logs of a run by name, with their inodes."""
    try:
        return {entry.name: entry.inode() for entry in os.scandir(folder / LOGS) if entry.name.endswith(".tlog")}
    except OSError:  # no logs yet
        return {}
