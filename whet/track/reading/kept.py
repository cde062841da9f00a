"""Logs of many runs kept read, for whoever asks for the same ones again and again, in bounded memory."""

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

# Logs of so many runs are kept, in about so much memory.
KEPT, KEPT_BYTES = 256, 128 << 20
# So much of each log's rows; more of it is read again by whoever asks for every point.
LOG_BYTES = 8 << 20
# So long somebody waits for another who uses the same logs, and then reads them for themselves.
PATIENCE_S = 0.1


@dataclass(slots=True)
class _Kept:
    """Logs as they were read, the files that they are, and the lock of whoever uses them."""

    files: dict[str, int]
    logs: History | None = None
    num_bytes: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


class Histories:
    """The logs of the runs that were asked for last. Safe to use from several threads, and nobody waits for long."""

    def __init__(self, most: int = KEPT, most_bytes: int = KEPT_BYTES) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._kept: OrderedDict[Path, _Kept] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def of(self, folder: Path) -> Iterator[History]:
        """The logs of a run, up to date. Whoever uses them for long keeps them to themselves, and others read anew."""
        kept = self._held(folder)
        if not _taken(kept):
            yield _read(folder)
            return
        try:
            if kept.logs is None:
                kept.logs = _read(folder)
            else:
                kept.logs.refresh()
            yield kept.logs
        finally:
            kept.num_bytes = kept.logs.num_bytes if kept.logs is not None else 0
            kept.lock.release()
            self._let_go()

    @property
    def num_bytes(self) -> int:
        """About how much memory all of them take."""
        with self._lock:
            return sum(kept.num_bytes for kept in self._kept.values())

    def _held(self, folder: Path) -> _Kept:
        files = _files(folder)
        with self._lock:
            kept = self._kept.get(folder)
            # A log that has taken another's place (an import, written anew) is not what has been read of it.
            if kept is None or any(files.get(name) != inode for name, inode in kept.files.items()):
                kept = self._kept[folder] = _Kept(files)
            kept.files.update(files)
            self._kept.move_to_end(folder)
            return kept

    def _let_go(self) -> None:
        """Keep no more than there is room for."""
        with self._lock:
            total = sum(kept.num_bytes for kept in self._kept.values())
            while len(self._kept) > self._most or (total > self._most_bytes and self._kept):
                total -= self._kept.popitem(last=False)[1].num_bytes


def _taken(kept: _Kept) -> bool:
    """Whether one has them for oneself now. While they are being read for the first time that is waited for."""
    while not kept.lock.acquire(timeout=PATIENCE_S):
        if kept.logs is not None:
            return False
    return True


def _read(folder: Path) -> History:
    return History(folder / LOGS, most_bytes=LOG_BYTES)


def _files(folder: Path) -> dict[str, int]:
    """The logs of a run by name, with their inodes."""
    try:
        return {entry.name: entry.inode() for entry in os.scandir(folder / LOGS) if entry.name.endswith(".tlog")}
    except OSError:  # no logs yet
        return {}
