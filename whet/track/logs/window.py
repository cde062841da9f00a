"""A window of a long log: the rows between two steps, read where they lie, so that a zoom costs what it shows."""

# n rows of one schema

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from whet.base.regular import opened
from whet.track.logs import frames
from whet.track.logs.pyramid import Pyramid
from whet.track.logs.scan import Names, Rows, Scanner

if TYPE_CHECKING:
    import numpy as np

# A window that would have more of the file read than this is shown in buckets.
MOST_BYTES = 256 << 20
_PIECE_BYTES = 1 << 22


def points(path: Path, pyramid: Pyramid, name: str, first: int, last: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Steps (n,) and values (n,) of a curve from step `first` to `last`; None where that is too much to read.

    Raises OSError.
    """
    import numpy as np

    place, found = pyramid.names.index(name), []
    if (stretch := _bytes(pyramid, first, last)) is not None:
        if stretch[1] - stretch[0] > MOST_BYTES:
            return None
        found = list(_read(path, pyramid.names, *stretch))
    if pyramid.rest is not None:
        found.append(pyramid.rest)
    steps = np.concatenate([np.empty(0, np.int64), *(rows.steps for rows in found)])
    values = np.concatenate([np.empty(0), *(rows.values[:, place] for rows in found)])
    is_inside = (steps >= first) & (steps <= last)
    return steps[is_inside], values[is_inside]


def _bytes(pyramid: Pyramid, first: int, last: int) -> tuple[int, int] | None:
    """From where to where in the file whole buckets lie that have steps of the window."""
    import numpy as np

    base = pyramid.base
    if base is None:
        return None
    touched = np.flatnonzero((base.last_steps >= first) & (base.first_steps <= last))
    if not len(touched):
        return None
    behind = int(touched[-1]) + 1
    if behind < len(base):
        return int(base.offsets[touched[0]]), int(base.offsets[behind])
    return int(base.offsets[touched[0]]), pyramid.base_end


def _read(path: Path, names: Names, start: int, end: int) -> list[Rows]:
    """The rows of one schema in a stretch of the file that begins with one of them."""
    found: list[Rows] = []
    with opened(path, "rb") as file:
        file.seek(start)
        _, _, _, schema = frames.HEAD.unpack(file.read(frames.HEAD.size))
        scanner, piece_bytes = Scanner(start, {schema: names}), _PIECE_BYTES
        while scanner.offset < end:
            before = scanner.offset
            file.seek(before)
            data = file.read(min(piece_bytes, end - before))
            is_last = before + len(data) >= end
            found += [one for one in scanner.scan(data, is_last) if isinstance(one, Rows) and one.names == names]
            if is_last:
                break
            if scanner.offset == before:  # one frame larger than the piece
                piece_bytes *= 2
    return found
