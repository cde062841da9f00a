"""Tail: what the writers of a run append to their logs, read once each, from a cursor on that is JSON."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from whet.base.regular import opened
from whet.track.follow.plugin import Logged
from whet.track.logs import frames, liveness, spool
from whet.track.logs.logfile import STALE_S
from whet.track.logs.scan import Other, Rows, Scanner
from whet.track.reading.read import Event

# Who writes notices about plug-ins into the run: none of them is told those.
FOLLOWER = "follower"
_PIECE_BYTES = 1 << 18

Item = Logged | Event


@dataclass(slots=True)
class Log:
    """One writer's file of one attempt, as far as it has been read."""

    path: Path
    writer: frames.Writer
    scanner: Scanner
    start: dict[str, Any] = field(default_factory=dict)
    has_end: bool = False
    is_alive: bool = True
    step: int = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing more can come; but for a writer that goes on behind its end."""
        return self.has_end or not self.is_alive

    @property
    def may_have_news(self) -> bool:
        """Whether it has no end, or something lies behind it."""
        if not self.has_end:
            return True
        with suppress(OSError):
            return self.path.stat().st_size > self.scanner.offset
        return False

    def read(self) -> list[Item]:
        """What is new, at most a piece, in the order written. A torn end is left for the next time. Raises OSError."""
        piece = _PIECE_BYTES
        with opened(self.path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            while (before := self.scanner.offset) < size:
                file.seek(before)
                data = file.read(piece)
                is_last = before + len(data) >= size
                items = self._items(list(self.scanner.scan(data, is_last)))
                if items or (is_last and self.scanner.offset == before):
                    return items
                if self.scanner.offset == before:  # a frame larger than the piece
                    piece *= 2
        return []

    def _items(self, found: list[Any]) -> list[Item]:
        items: list[tuple[int, Item]] = []
        for one in found:
            if isinstance(one, Rows):
                items += self._rows(one)
                self.step = int(one.steps[-1])
            elif isinstance(one, Other):
                items += self._other(one)
        return [item for _, item in sorted(items, key=lambda pair: pair[0])]

    def _rows(self, rows: Rows) -> list[tuple[int, Item]]:
        numbers = (array.tolist() for array in rows.arrays())
        name, attempt = self.writer
        return [
            (offset, Logged(moment, step, name, attempt, dict(zip(rows.names, values, strict=True))))
            for offset, moment, step, values in zip(*numbers, strict=True)
        ]

    def _other(self, frame: Other) -> list[tuple[int, Item]]:
        moment, step = frames.STAMP.unpack_from(frame.payload)
        value = frames.parsed(frame.payload)
        if frame.type == frames.START and isinstance(value, dict):
            self.start, self.has_end = value, False
        elif frame.type == frames.END:
            self.has_end = True
        elif frame.type == frames.EVENT and isinstance(value, list) and len(value) == 2 and isinstance(value[1], dict):
            return [(frame.offset, Event(str(value[0]), step, moment, *self.writer, value[1]))]
        return []


class Tail:
    """All logs in a folder, but for those of followers themselves."""

    def __init__(self, folder: Path, cursor: Mapping[str, Any] | None = None) -> None:
        self.folder = Path(folder)
        self._cursor = dict(cursor or {})
        self._logs: dict[str, Log] = {}
        self._look()

    def read(self) -> list[Item]:
        """What is new: of each log at most a piece. Empty where nothing is."""
        self._look()
        items: list[Item] = []
        for log in self._sorted():
            if log.may_have_news:
                with suppress(OSError):  # gone, or a disk that fails: tried again
                    items += log.read()
        return items

    def cursor(self) -> dict[str, Any]:
        """Where to go on after all that `read` has given."""
        kept = {
            name: {
                "offset": log.scanner.offset, "schemas": log.scanner.schemas, "start": log.start, "over": log.has_end,
            }
            for name, log in self._logs.items()
        }  # fmt: skip
        return {**self._cursor, **kept}

    @property
    def logs(self) -> list[Log]:
        """All that are known, those of ranks first."""
        return self._sorted()

    @property
    def attempt(self) -> int:
        """The newest attempt of the lowest rank; 0 without logs."""
        log = self.speaker
        return log.writer.attempt if log else 0

    @property
    def speaker(self) -> Log | None:
        """The newest log of the lowest rank."""
        ranked = [log for log in self._sorted() if log.writer.rank is not None]
        of_lowest = [log for log in ranked if log.writer.rank == ranked[0].writer.rank]
        return of_lowest[-1] if of_lowest else None

    @property
    def is_over(self) -> bool:
        """Whether the speaker's newest attempt has ended, or is gone."""
        return self.speaker is None or self.speaker.is_over

    @property
    def is_settled(self) -> bool:
        """Whether no log can grow any more."""
        return all(log.is_over for log in self._logs.values())

    def _look(self) -> None:
        """Find new logs, and see which writers live. Before reading: what ends in between has not been read."""
        for path in sorted(self.folder.glob("*.tlog")):
            writer = frames.parse_name(path)
            if writer and writer.name != FOLLOWER and path.name not in self._logs and path.is_file():
                self._logs[path.name] = _log(path, writer, self._cursor.get(path.name) or {})
        for log in self._logs.values():
            if log.may_have_news:
                log.is_alive = _is_alive(log)

    def _sorted(self) -> list[Log]:
        return sorted(self._logs.values(), key=lambda log: (log.writer.rank is None, log.writer.rank or 0, *log.writer))


def _log(path: Path, writer: frames.Writer, known: Mapping[str, Any]) -> Log:
    """A log, to be read from where its cursor says, unless it is shorter than that: then it is another one."""
    offset = int(known.get("offset", 0))
    if offset > path.stat().st_size:
        known, offset = {}, 0
    schemas = {int(number): tuple(names) for number, names in (known.get("schemas") or {}).items()}
    return Log(path, writer, Scanner(offset, schemas), dict(known.get("start") or {}), bool(known.get("over")))


def _is_alive(log: Log) -> bool:
    if liveness.is_held(log.path):
        return True
    with suppress(OSError):
        spool.recover(log.path)
        return not log.start.get("locked", True) and time.time() - log.path.stat().st_mtime < STALE_S
    return False
