"""Frames found in the bytes of a log: rows of numbers as arrays, all else one by one, and what is damaged."""

# n rows of one schema   k names   F bytes of such a frame

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from whet.track.logs import checksums, frames

if TYPE_CHECKING:
    import numpy as np

Names = tuple[str, ...]

# From so many equal frames in a row on they are taken as one array.
_RUN = 64
# So few single frames are copied one by one rather than picked from all places of the bytes.
_FEW = 64
# How far behind a break the next whole frame is looked for.
_SEARCH_BYTES = 1 << 20
_HEAD = frames.HEAD.size
_STAMP = frames.STAMP.size


@dataclass(frozen=True, slots=True)
class Rows:
    """Frames of one schema: where they begin in the file (n,), times (n,), steps (n,), values (n, k)."""

    names: Names
    offsets: np.ndarray
    times: np.ndarray
    steps: np.ndarray
    values: np.ndarray

    def arrays(self) -> tuple[np.ndarray, ...]:
        """All arrays, in the order they are declared."""
        return self.offsets, self.times, self.steps, self.values


@dataclass(frozen=True, slots=True)
class Other:
    """A frame that is no row: where it begins in the file, its type and its payload."""

    offset: int
    type: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Break:
    """Bytes of the file that are no frame, between some that are."""

    offset: int
    num_bytes: int


Found = Rows | Other | Break


class Scanner:
    """Reads a log piece by piece. `offset` is where in the file it goes on; `schemas` what ids stand for there."""

    def __init__(self, offset: int = 0, schemas: dict[int, Names] | None = None) -> None:
        self.offset = offset
        self.schemas = dict(schemas or {})
        # Behind this byte no schema has got another meaning.
        self.redefined = 0

    def scan(self, data: bytes, is_last: bool) -> Iterator[Found]:
        """All whole frames of `data`, which lies at `offset`. Rows of one schema come in order, of several not.

        With `is_last` nothing follows: what is then no frame, though one follows it, is a break. A torn tail is left.
        """
        place, size, base = self._begin(data), len(data), self.offset
        view = memoryview(data)
        loose: dict[Names, list[int]] = {}
        while place + _HEAD <= size:
            length, check, type, schema = frames.HEAD.unpack_from(data, place)
            end = place + _HEAD + length
            if end > size or length < _STAMP:
                if not is_last or (after := _next_frame(data, place + 1)) is None:
                    break
                yield Break(base + place, after - place)
                place = after
                continue
            names = self.schemas.get(schema) if type == frames.SCALARS else None
            if names is not None and length == _STAMP + 8 * len(names) and self._is_run(data, place, end - place):
                rows = _run(data, place, base, names, end - place)
                if len(rows.offsets):
                    if names in loose:  # what came before the run
                        yield _gathered(data, base, names, loose.pop(names))
                    yield rows
                    place += len(rows.offsets) * (end - place)
                    continue
            if zlib.crc32(view[place + 8 : end]) != check:
                if end == size:
                    break
                after = end if _is_frame(data, end) or end + _HEAD > size else _next_frame(data, place + 1) or end
                yield Break(base + place, after - place)
                place = after
                continue
            if type != frames.SCALARS:
                if type == frames.SCHEMA:
                    self._define(schema, data[place + _HEAD : end], base + place)
                yield Other(base + place, type, data[place + _HEAD : end])
            elif names is not None and length == _STAMP + 8 * len(names):
                loose.setdefault(names, []).append(place)
            else:
                yield Break(base + place, end - place)
            place = end
        self.offset = base + place
        for names, places in loose.items():
            yield _gathered(data, base, names, places)

    def _begin(self, data: bytes) -> int:
        """Where frames begin: behind the magic number, at the start of a file."""
        if self.offset:
            return 0
        return len(frames.MAGIC) if frames.format_of(data) else len(data) + 1

    def _is_run(self, data: bytes, place: int, size: int) -> bool:
        """Whether the frame some further on has the same head but for the sum."""
        other = place + _RUN * size
        return (
            other + size <= len(data)
            and data[place : place + 4] == data[other : other + 4]
            and data[place + 8 : place + _HEAD] == data[other + 8 : other + _HEAD]
        )

    def _define(self, schema: int, payload: bytes, place: int) -> None:
        value = frames.parsed(payload)
        if isinstance(value, list):
            names = tuple(map(str, value))
            if self.schemas.setdefault(schema, names) != names:
                self.redefined = place
            self.schemas[schema] = names


@lru_cache(maxsize=64)
def _layout(num_values: int) -> Any:
    import numpy as np

    head = [("length", "<u4"), ("check", "<u4"), ("type", "u1"), ("schema", "<u2")]
    return np.dtype([*head, ("time", "<f8"), ("step", "<i8"), ("values", "<f8", (num_values,))])


def _run(data: bytes, place: int, base: int, names: Names, size: int) -> Rows:
    """The frames from `place` on that have one head and the sum that they say; possibly none."""
    import numpy as np

    rows = np.frombuffer(data, _layout(len(names)), count=(len(data) - place) // size, offset=place)
    first = rows[0]
    is_same = rows["length"] == first["length"]
    is_same &= rows["type"] == first["type"]
    is_same &= rows["schema"] == first["schema"]
    num = len(rows) if is_same.all() else int(np.argmin(is_same))
    num = checksums.num_whole(data, place, size, rows["check"][:num])
    return _of(names, base + place + size * np.arange(num, dtype=np.int64), rows[:num])


def _gathered(data: bytes, base: int, names: Names, places: list[int]) -> Rows:
    """Single frames that lie at `places`."""
    import numpy as np

    layout = _layout(len(names))
    if len(places) < _FEW:
        rows = np.frombuffer(b"".join(data[place : place + layout.itemsize] for place in places), layout)
        return _of(names, base + np.array(places, np.int64), rows)
    every = np.lib.stride_tricks.sliding_window_view(np.frombuffer(data, np.uint8), layout.itemsize)
    starts = np.array(places, np.int64)
    return _of(names, base + starts, every[starts].view(layout)[:, 0])


def _of(names: Names, offsets: np.ndarray, rows: np.ndarray) -> Rows:
    columns = rows["values"].T.copy().T  # each name's values lie together
    return Rows(names, offsets, rows["time"].copy(), rows["step"].copy(), columns)


def _is_frame(data: bytes, place: int) -> bool:
    """Whether a whole frame begins there."""
    if place + _HEAD > len(data):
        return False
    length, check, _, _ = frames.HEAD.unpack_from(data, place)
    end = place + _HEAD + length
    return length >= _STAMP and end <= len(data) and zlib.crc32(memoryview(data)[place + 8 : end]) == check


def _next_frame(data: bytes, start: int) -> int | None:
    """Where the next whole frame begins, if one does nearby."""
    import numpy as np

    near = np.frombuffer(data, np.uint8, count=max(0, min(len(data) - start, _SEARCH_BYTES)), offset=start)
    if len(near) < _HEAD + _STAMP:
        return None
    byte = near[: len(near) - _HEAD + 1].astype(np.int64)
    length = byte.copy()
    for number in range(1, 4):
        length += near[number : number + len(byte)].astype(np.int64) << (8 * number)
    fits = (length >= _STAMP) & (start + np.arange(len(byte)) + _HEAD + length <= len(data))
    for place in (start + np.flatnonzero(fits)).tolist():
        if _is_frame(data, place):
            return place
    return None
