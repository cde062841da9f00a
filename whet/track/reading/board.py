"""The board: all runs of a root as rows in memory, followed as they change, for a server that is asked again and again.

What a row says is what the catalogue says. Runs that cannot change any more are looked at by the time of their folder,
and those that can by how far their logs have been read.
"""

from __future__ import annotations

import threading
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whet.track.reading.catalogue import Catalogue, listing_of, settled, stamp
from whet.track.reading.kept import Histories
from whet.track.reading.read import History
from whet.track.reading.rows import Row, row_of
from whet.track.reading.store import Summary, folders

# A look at all folders may take this share of the time between two of them.
SHARE = 0.01
# So many runs that are gone are remembered.
_GONE = 1000


@dataclass(slots=True)
class Entry:
    """A run on the board: its row, `spark` (means of its loss), and the `version` of the board that it changed in."""

    summary: Summary
    row: Row
    spark: list[Any]
    version: int
    is_settled: bool
    stamp: str
    # How far its logs were read, and how it stood then.
    place: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Changes:
    """What has changed since a version: rows, runs that are gone, and the version to ask with next time."""

    entries: list[Entry]
    gone: list[Summary]
    version: int


class Board:
    """All runs under a root. Safe to use from several threads."""

    def __init__(self, root: Path, histories: Histories) -> None:
        self.root, self._histories = Path(root), histories
        self._entries: dict[str, Entry] = {}
        self._gone: dict[str, tuple[int, Summary]] = {}
        # Versions of another board, before a server started anew, are older ones.
        self._version, self._is_loaded = time.time_ns() // 1_000_000, False
        # When a look at all folders is due again.
        self._due, self._lock = 0.0, threading.RLock()

    def entries(self) -> list[Entry]:
        """All runs as they are now, the latest started first."""
        with self._lock:
            self._sweep()
            found = list(self._entries.values())
        return sorted(found, key=lambda one: (one.summary.started or 0.0, one.summary.name), reverse=True)

    def look(self) -> int:
        """See what has changed, cheaply: runs that run each time, all others as often as it costs little.

        Returns the version, which is another one where something has.
        """
        with self._lock:
            if time.monotonic() >= self._due:
                self._sweep()
            else:
                self._follow([name for name, one in self._entries.items() if not one.is_settled])
            return self._version

    def since(self, version: int) -> Changes:
        """What has been seen to change after a version; after 0 everything."""
        with self._lock:
            changed = [one for one in self._entries.values() if one.version > version]
            gone = [summary for at, summary in self._gone.values() if at > version]
            return Changes(changed, gone, self._version)

    def _sweep(self) -> None:
        """Look at every folder."""
        begun = time.monotonic()
        if not self._is_loaded:
            self._load()
        present = {folder.name: stamp(folder) for folder in folders(self.root)}
        for name in [name for name in self._entries if name not in present]:
            self._version += 1
            self._gone[name] = self._version, self._entries.pop(name).summary
        for name in list(self._gone)[: max(0, len(self._gone) - _GONE)]:
            del self._gone[name]
        self._follow([name for name, at in present.items() if not self._is_as_it_was(name, at)])
        now = time.monotonic()
        self._due = now + (now - begun) / SHARE

    def _is_as_it_was(self, name: str, stamp: str) -> bool:
        known = self._entries.get(name)
        return known is not None and known.is_settled and known.stamp == stamp

    def _load(self) -> None:
        """Take what the catalogue knows of runs that have not changed since, so that their logs need not be read."""
        self._is_loaded = True
        if not self.root.is_dir():
            return
        with closing(Catalogue(self.root)) as kept:
            kept.refresh()
            self._version += 1
            for name, at, is_settled, summary, said in kept.rows():
                row = row_of(summary, said)
                self._entries[name] = Entry(summary, row, said["spark"], self._version, is_settled, at)

    def _follow(self, names: list[str]) -> None:
        """Read what the logs of these runs have become."""
        for name in names:
            folder = self.root / name
            before = stamp(folder)
            with self._histories.of(folder) as logs:
                self._take(name, folder, logs, before)

    def _take(self, name: str, folder: Path, logs: History, before: str) -> None:
        known, place = self._entries.get(name), (logs.status, logs.reason, *logs.offsets.items())
        is_settled = settled(logs, before)
        if known is not None and known.place == place:
            known.is_settled, known.stamp = is_settled, before
            return
        summary, said = listing_of(folder, logs)
        self._version += 1
        self._gone.pop(name, None)
        row = row_of(summary, said)
        self._entries[name] = Entry(summary, row, said["spark"], self._version, is_settled, before, place)
