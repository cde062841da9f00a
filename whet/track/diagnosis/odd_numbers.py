"""Odd numbers: figures that are NaN or infinite, found in one pass over the logs that goes on where it stopped.

Buckets leave NaN out, so this is the one question for which every point is looked at: 16 MiB at once, each once.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from whet.base.regular import opened
from whet.track.logs import frames
from whet.track.logs.scan import Rows, Scanner

_PIECE_BYTES = 1 << 24


@dataclass(frozen=True, slots=True)
class Odd:
    """The first value of a curve that is no finite number, and how many there are."""

    writer: str
    attempt: int
    name: str
    step: int
    value: float
    count: int


@dataclass(slots=True)
class _Log:
    writer: frames.Writer
    scanner: Scanner = field(default_factory=Scanner)
    first_step: int | None = None
    found: dict[str, Odd] = field(default_factory=dict)


class OddNumbers:
    """Those in the logs of a folder; of attempts that were gone over again only what was kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._logs: dict[Path, _Log] = {}

    def refreshed(self) -> list[Odd]:
        """All that are there now, by step."""
        for path in self._folder.iterdir() if self._folder.is_dir() else ():
            writer = frames.parse_name(path)
            if writer is not None and path.is_file():
                with suppress(OSError):  # gone, forbidden, on a disk that fails
                    _read(path, self._logs.setdefault(path, _Log(writer)))
        kept = [odd for log in self._logs.values() for odd in log.found.values() if odd.step < self._until(log)]
        return sorted(kept, key=lambda odd: odd.step)

    def _until(self, log: _Log) -> float:
        """The first step of a later attempt of the same writer."""
        later = [
            one.first_step
            for one in self._logs.values()
            if one.writer.name == log.writer.name and one.writer.attempt > log.writer.attempt
        ]
        return min((step for step in later if step is not None), default=float("inf"))


def _read(path: Path, log: _Log) -> None:
    piece = _PIECE_BYTES
    with opened(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        while (before := log.scanner.offset) < size:
            file.seek(before)
            data = file.read(piece)
            is_last = before + len(data) >= size
            for rows in log.scanner.scan(data, is_last):
                if isinstance(rows, Rows):
                    _look(rows, log)
            if is_last:
                return
            if log.scanner.offset == before:  # a frame larger than the piece
                piece *= 2


def _look(rows: Rows, log: _Log) -> None:
    import numpy as np

    first = int(rows.steps.min())
    log.first_step = first if log.first_step is None else min(first, log.first_step)
    is_odd = ~np.isfinite(rows.values)
    for place in np.flatnonzero(is_odd.any(axis=0)) if is_odd.any() else ():
        name, at = rows.names[place], np.flatnonzero(is_odd[:, place])
        step, value = int(rows.steps[at[0]]), float(rows.values[at[0], place])
        old = log.found.get(name)
        if old is not None and old.step <= step:
            step, value = old.step, old.value
        count = len(at) + (old.count if old else 0)
        log.found[name] = Odd(*log.writer, name, step, value, count)
