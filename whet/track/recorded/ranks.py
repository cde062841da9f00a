"""One curve of all ranks as a matrix: a straggler, or a rank that computes something else, stands out in it."""

# R ranks  B buckets

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from whet.track.logs import frames
from whet.track.reading.read import History

if TYPE_CHECKING:
    import numpy as np

    from whet.track.logs.pyramid import Level


@dataclass(frozen=True, slots=True)
class Matrix:
    """`ranks` (R,) and the means of their values (R, B) between `edges` (B + 1,) of steps; NaN where there is none."""

    ranks: list[int]
    edges: np.ndarray
    means: np.ndarray


def matrix(logs: History, name: str, most: int = 200) -> Matrix:
    """A curve of every rank in at most `most` buckets of as many steps each."""
    import numpy as np

    writers = {rank: frames.rank_writer(rank) for rank in logs.ranks}
    having = {rank: writer for rank, writer in writers.items() if name in logs.names(writer)}
    levels = {rank: logs.curve(name, 4 * most, writer) for rank, writer in having.items()}
    known = {rank: level for rank, level in levels.items() if len(level)}
    if not known:
        return Matrix([], np.zeros(1), np.zeros((0, 0)))
    first = min(int(level.first_steps.min()) for level in known.values())
    last = max(int(level.last_steps.max()) for level in known.values()) + 1
    width = -(-(last - first) // most)
    edges = np.arange(first, last + width, width)
    return Matrix(list(known), edges, np.stack([_means(level, edges) for level in known.values()]))


def _means(level: Level, edges: np.ndarray) -> np.ndarray:
    import numpy as np

    values = level.mean[0]
    middle = (level.first_steps + level.last_steps) / 2
    is_number = np.isfinite(values)
    place = np.searchsorted(edges, middle[is_number], side="right") - 1
    sums = np.bincount(place, values[is_number], len(edges) - 1)
    counts = np.bincount(place, minlength=len(edges) - 1)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
