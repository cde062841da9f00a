"""The board: all runs of a root as rows in memory, followed as they change, for a server that is asked again and again.

What a row says is what the catalogue says. Runs that cannot change any more are looked at by the time of their folder,
and those that can by how far their logs have been read.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing, contextmanager
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
# So long a reader waits for a look that is under way.
PATIENCE_S = 0.2
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
    """All runs under a root. Safe to use from several threads; whoever reads does not wait for a long look."""

    def __init__(self, root: Path, histories: Histories) -> None:
        self.root, self._histories = Path(root), histories
        self._entries: dict[str, Entry] = {}
        self._gone: dict[str, tuple[int, Summary]] = {}
        # Versions of another board, before a server started anew, are older ones.
        self._version, self._is_loaded = time.time_ns() // 1_000_000, False
        # When a look at all folders is due again.
        self._due = 0.0
        # One looks at folders at a time; what was seen is changed under a lock of its own, which is held for moments.
        self._looking, self._lock = threading.RLock(), threading.Lock()

    def entries(self) -> list[Entry]:
        """All runs, the latest started first: as they are now, or, while a look takes long, as they were before it."""
        with self._looked() as is_mine:
            if is_mine:
                self._sweep()
        with self._lock:
            found = list(self._entries.values())
        return sorted(found, key=lambda one: (one.summary.started or 0.0, one.summary.name), reverse=True)

    def look(self) -> int:
        """See what has changed, cheaply: runs that run each time, all others as often as it costs little.

        Returns the version, which is another one where something has.
        """
        with self._looked() as is_mine:
            if is_mine and time.monotonic() >= self._due:
                self._sweep()
            elif is_mine:
                with self._lock:
                    names = [name for name, one in self._entries.items() if not one.is_settled]
                self._follow(names)
        return self._version

    def follow(self, names: Collection[str]) -> int:
        """See what has become of these runs, whoever else is looking. Returns the version."""
        self._follow(names)
        return self._version

    def since(self, version: int) -> Changes:
        """What has been seen to change after a version; after 0 everything."""
        with self._lock:
            changed = [one for one in self._entries.values() if one.version > version]
            gone = [summary for at, summary in self._gone.values() if at > version]
            return Changes(changed, gone, self._version)

    @contextmanager
    def _looked(self) -> Iterator[bool]:
        """Whether it is one's turn to look. The first look of all is waited for: before it nothing is known."""
        is_mine = self._looking.acquire(timeout=PATIENCE_S if self._is_loaded else -1)
        try:
            yield is_mine
        finally:
            if is_mine:
                self._looking.release()

    def _sweep(self) -> None:
        """Look at every folder."""
        begun = time.monotonic()
        if not self._is_loaded:
            self._load()
        present = {folder.name: stamp(folder) for folder in folders(self.root)}
        with self._lock:
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
        if self.root.is_dir():
            with closing(Catalogue(self.root)) as kept:
                kept.refresh()
                rows = [(*told, row_of(told[3], told[4])) for told in kept.rows()]
            with self._lock:
                self._version += 1
                for name, at, is_settled, summary, said, row in rows:
                    self._entries[name] = Entry(summary, row, said["spark"], self._version, is_settled, at)
        self._is_loaded = True

    def _follow(self, names: Iterable[str]) -> None:
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
        row = row_of(summary, said)
        with self._lock:
            self._version += 1
            self._gone.pop(name, None)
            self._entries[name] = Entry(summary, row, said["spark"], self._version, is_settled, before, place)
