"""One step of a file of rows without reading the file: where the steps lie in it, followed as it grows, kept beside it.

`r0.a1.rows.index` is a sidecar (`whet.track.logs.sidecar`): stretches of some tens of KiB with the steps in them, the
place of each row whose tokens were recorded, and what the file says of its columns and sources.
"""

from __future__ import annotations

import itertools
import json
import math
from array import array
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from whet.base.regular import opened
from whet.track.logs import frames, index, sidecar
from whet.track.logs.scan import Other, Scanner
from whet.track.reading import attempts
from whet.track.reading.store import LOGS
from whet.track.recorded.record_file import record_files
from whet.track.recorded.row_frames import Known, RowTokens, StepRows, tokens_in

MAGIC = b"whetrow3"
# A stretch that is read for a step.
_STRETCH_BYTES = 1 << 16
_PIECE_BYTES = 1 << 20
# The index is written anew once so much of the file lies behind it.
_BEHIND_BYTES = 1 << 20
# No step has so many rows: such a head is damaged.
_LARGEST = 1 << 28
_DEFINING = (frames.COLUMNS, frames.SOURCES)


def rows_of(folder: Path, step: int) -> list[StepRows]:
    """The rows of one step of a run, a value a rank; of attempts that went over it, the last one's."""
    found: list[StepRows] = []
    for rank, paths in record_files(Path(folder) / LOGS, frames.ROWS_FILE).items():
        for known, end in attempts.newest_first(map(RowsIndex.of, reversed(paths)), _first_step):
            if end <= step:
                break
            found += known.rows(step, rank)
    return found


def tokens_of(folder: Path, step: int) -> list[RowTokens]:
    """The rows whose tokens were recorded one by one at a step, each with its losses."""
    return [one for rank, known in _within(folder, step) for one in known.tokens(step, rank)]


def token_steps(folder: Path) -> list[int]:
    """The steps at which tokens were recorded one by one."""
    return sorted({step for _, known in _within(folder, None) for step in known.token_steps})


class RowsIndex:
    """Where the steps lie in one file. What cannot be read is as if it were not there."""

    def __init__(self, path: Path) -> None:
        self.path, self.offset = path, 0
        # The first step that has rows.
        self.first_step: int | None = None
        # Of each stretch where it begins, its lowest and its highest step, one behind the other.
        self._stretches = array("q")
        # Of each row with tokens its step and where it lies.
        self._tokens = array("q")
        # Columns and sources as they were told: place, type, number, what was told.
        self._told: list[tuple[int, int, int, Any]] = []
        # Steps from here on are those of a later attempt.
        self._end = math.inf

    @classmethod
    def of(cls, path: Path) -> RowsIndex:
        """The index of a file up to its last whole frame; what was found newly is kept beside it."""
        found = cls(path)
        with suppress(OSError):
            found._load(path.stat().st_size)
            kept = found.offset
            found._follow()
            if found.offset - kept > _BEHIND_BYTES:
                found._store()
        return found

    @property
    def token_steps(self) -> list[int]:
        """The steps of rows with tokens, in the order written."""
        return [step for step in self._tokens[::2] if self._is_ours(step)]

    def before(self, end: float) -> RowsIndex:
        """The same without the steps from one on, which a later attempt went over again."""
        self._end = end
        return self

    def rows(self, step: int, rank: str) -> Iterator[StepRows]:
        """The rows of a step: one value, or more where it was written more than once."""
        if not self._is_ours(step):
            return
        for offset, moment, type, schema, body in self._around(step):
            if type == frames.ROWS:
                rows = self._known(offset).rows(rank, moment, step, schema, body)
                if rows is not None:
                    yield rows

    def tokens(self, step: int, rank: str) -> Iterator[RowTokens]:
        """The rows of a step whose tokens were recorded."""
        import numpy as np

        if not self._is_ours(step):
            return
        told = np.frombuffer(self._tokens, np.int64).reshape(-1, 2)
        for place in told[told[:, 0] == step, 1].tolist():
            for _, _, type, _, body in self._read(step, place, place + 1):
                found = tokens_in(body, step, rank) if type == frames.TOKENS else None
                if found is not None:
                    yield found

    def _is_ours(self, step: int) -> bool:
        return step < self._end

    def _around(self, step: int) -> Iterator[tuple[int, float, int, int, bytes]]:
        """The frames of a step in the stretches that may have it."""
        import numpy as np

        told = np.frombuffer(self._stretches, np.int64).reshape(-1, 3)
        for number in np.flatnonzero((told[:, 1] <= step) & (told[:, 2] >= step)).tolist():
            end = int(told[number + 1, 0]) if number + 1 < len(told) else self.offset
            yield from self._read(step, int(told[number, 0]), end)

    def _read(self, step: int, start: int, end: int) -> Iterator[tuple[int, float, int, int, bytes]]:
        """Place, time, type, schema and body of the whole frames of a step that begin within some bytes."""
        data = b""
        with suppress(OSError), opened(self.path, "rb") as file:
            file.seek(start)
            head = file.read(frames.HEAD.size)
            size = frames.HEAD.size + frames.HEAD.unpack(head)[0] if len(head) == frames.HEAD.size else 0
            data = head + file.read(max(end - start, min(size, _LARGEST)) - len(head))
        for one in Scanner(start).scan(data, True):
            if isinstance(one, Other):
                moment, at = frames.STAMP.unpack_from(one.payload)
                if at == step:
                    schema = frames.HEAD.unpack_from(data, one.offset - start)[3]
                    yield one.offset, moment, one.type, schema, one.payload[frames.STAMP.size :]

    def _known(self, place: int) -> Known:
        """What the file had said of columns and sources before a place."""
        known = Known()
        for at, type, number, told in self._told:
            if at < place:
                known.take(type, number, told)
        return known

    def _follow(self) -> None:
        """Take in what lies behind what is known. Raises OSError."""
        scanner, piece_bytes, known = Scanner(self.offset), _PIECE_BYTES, self._known(self.offset)
        with opened(self.path, "rb") as file:
            while True:
                before = scanner.offset
                file.seek(before)
                data = file.read(piece_bytes)
                is_last = len(data) < piece_bytes
                for one in scanner.scan(data, is_last):
                    if isinstance(one, Other):
                        self._take(one, frames.HEAD.unpack_from(data, one.offset - before)[3], known)
                if is_last:
                    break
                if scanner.offset == before:  # one frame larger than the piece
                    piece_bytes *= 2
        self.offset = scanner.offset

    def _take(self, one: Other, number: int, known: Known) -> None:
        step = frames.STAMP.unpack_from(one.payload)[1]
        if one.type in _DEFINING:
            with suppress(ValueError):
                told = json.loads(one.payload[frames.STAMP.size :])
                self._told.append((one.offset, one.type, number, told))
                known.take(one.type, number, told)
        elif one.type == frames.TOKENS:
            self._tokens.extend((step, one.offset))
        elif one.type == frames.ROWS:
            if self.first_step is None and number in known.columns:
                self.first_step = step
            self._stretch(one.offset, step)

    def _stretch(self, offset: int, step: int) -> None:
        last = self._stretches
        if not last or offset - last[-3] >= _STRETCH_BYTES:
            last.extend((offset, step, step))
        else:
            last[-2], last[-1] = min(last[-2], step), max(last[-1], step)

    def _load(self, size: int) -> None:
        """Take what is kept beside the file, if it fits."""
        found = sidecar.read(_place(self.path), self.path, MAGIC)
        if found is None:
            return
        header, data, body = found
        with suppress(KeyError, TypeError, ValueError, OverflowError):
            offset, first = sidecar.whole(header["offset"], size), header["first_step"]
            num = sidecar.whole(header["stretches"], len(data))
            middle = body + 24 * num
            told = [
                (sidecar.whole(at, offset), int(type), sidecar.whole(number, frames.MAX_SCHEMAS), one)
                for at, type, number, one in header["told"]
            ]
            stretches, tokens = array("q", data[body:middle]), array("q", data[middle:])
            is_whole = len(stretches) == 3 * num and len(tokens) % 2 == 0
            if is_whole and _are_places(stretches[::3], offset) and _are_places(tokens[1::2], offset):
                self.offset, self.first_step, self._told = offset, None if first is None else int(first), told
                self._stretches, self._tokens = stretches, tokens

    def _store(self) -> None:
        header = {
            "offset": self.offset, "first_step": self.first_step, "told": self._told,
            "stretches": len(self._stretches) // 3,
        }  # fmt: skip
        blobs = [self._stretches.tobytes(), self._tokens.tobytes()]
        sidecar.write(_place(self.path), self.path, MAGIC, header, blobs)


def _within(folder: Path, step: int | None) -> Iterator[tuple[str, RowsIndex]]:
    """The files of a run's ranks, each without what a later attempt, by its rows, went over again."""
    for rank, paths in record_files(Path(folder) / LOGS, frames.ROWS_FILE).items():
        for known, end in attempts.kept([RowsIndex.of(path) for path in paths], _first_step):
            yield rank, known.before(end)


def _first_step(known: RowsIndex) -> int | None:
    return known.first_step


def _are_places(told: array[int], end: int) -> bool:
    """Whether these lie one behind the other before an end."""
    return all(0 <= one < end for one in told) and all(one < after for one, after in itertools.pairwise(told))


def _place(path: Path) -> Path:
    return path.with_name(path.name + index.SUFFIX)
