"""Measured collectives: how long ranks of a machine take to exchange so many bytes, kept for whoever plans a mesh.

Imports no torch: the table is read before anything is built.
"""

from __future__ import annotations

import json
import math
import os
import platform
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from whet.base.documents import checked, field, read_object
from whet.base.errors import WhetError
from whet.data.store.cache import default_cache

# What a rank sends for `b` bytes among `n` ranks, as a share of `b`, by ring algorithms (Thakur et al. 2005): `b` is
# what a rank has after an all-gather, or before a reduce-scatter, an all-reduce or an all-to-all.
SHARES = {
    "all_reduce": lambda n: 2 * (n - 1) / n,
    "all_gather": lambda n: (n - 1) / n,
    "reduce_scatter": lambda n: (n - 1) / n,
    "all_to_all": lambda n: (n - 1) / n,
    "send": lambda n: 1.0,
}
Point = tuple[int, float]  # bytes, seconds
_MOST_BYTES = 2**62


@dataclass(frozen=True, slots=True)
class Measured:
    """One collective among `ranks`: median seconds by bytes, ascending, at least two sizes."""

    name: str
    ranks: int
    points: tuple[Point, ...]

    def seconds(self, num_bytes: float) -> float:
        """Between two sizes that were measured along the line through them, beyond the largest at its rate."""
        sizes = [size for size, _ in self.points]
        if num_bytes >= sizes[-1]:
            return self.points[-1][1] + (num_bytes - sizes[-1]) / self.bytes_per_s
        if num_bytes <= sizes[0]:
            return self.points[0][1]
        at = bisect_left(sizes, num_bytes)
        (low, before), (high, after) = self.points[at - 1], self.points[at]
        return before + (after - before) * (num_bytes - low) / (high - low)

    @property
    def latency_s(self) -> float:
        """Seconds of the smallest size."""
        return self.points[0][1]

    @property
    def bytes_per_s(self) -> float:
        """The rate between the two largest sizes, latency aside."""
        (low, before), (high, after) = self.points[-2:]
        return (high - low) / max(after - before, 1e-9) if after > before else high / after

    @property
    def wire_bytes_per_s(self) -> float:
        """What a rank sends a second at the largest size."""
        return self.bytes_per_s * SHARES[self.name](self.ranks)


def table_path() -> Path:
    """Where what was measured is kept, of all machines that this user's cache is on."""
    return default_cache() / "collectives.json"


def save(backend: str, ranks: int, found: Mapping[str, Sequence[Point]], host: str | None = None) -> Path:
    """Put what was measured into the table, in place of what this machine, backend and number of ranks had."""
    from filelock import FileLock

    from whet.base.sealed import sync

    path = table_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock"):  # another one's entry, written in between, is not lost
        stored = _stored()
        stored[_key(backend, ranks, host)] = {name: [list(point) for point in points] for name, points in found.items()}
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        part.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
        sync([part])
        os.replace(part, path)
    return path


def load(backend: str, ranks: int, host: str | None = None) -> dict[str, Measured]:
    """What was measured on this machine (or `host`) by the collective's name; empty where nothing was, or the table is
    damaged."""
    found = _stored().get(_key(backend, ranks, host), {})
    return {
        name: Measured(name, ranks, tuple((int(size), float(s)) for size, s in points))
        for name, points in found.items()
    }


def ranks_measured(backend: str, host: str | None = None) -> list[int]:
    """The numbers of ranks that were measured on this machine (or `host`), ascending."""
    start = _key(backend, 0, host).rpartition("/")[0] + "/"
    return sorted(int(key.removeprefix(start)) for key in _stored() if key.startswith(start))


def _key(backend: str, ranks: int, host: str | None) -> str:
    return f"{platform.node() if host is None else host}/{backend}/{ranks}"


def _stored() -> dict[str, dict[str, list[list[float]]]]:
    """The table, as far as it is one."""
    try:
        stored = read_object(table_path())
    except (WhetError, OSError):
        return {}
    return {key: entry for key in stored if (entry := _whole(stored, key)) is not None}


def _whole(stored: Mapping[str, object], key: str) -> dict[str, list[list[float]]] | None:
    """An entry whose collectives are known and have sizes that ascend; None where it was written by something else."""
    try:
        entry = field(stored, key, dict, at=key)
        for name, points in entry.items():
            pairs = [checked(point, list, at=key) for point in checked(points, list, at=key)]
            sizes = [checked(pair[0], int, at=key) for pair in pairs]
            seconds = [checked(pair[1], float, at=key) for pair in pairs]
            if name not in SHARES or len(sizes) < 2 or sizes != sorted(set(sizes)) or not all(map(_is_time, seconds)):
                return None
            if not 0 < sizes[0] < sizes[-1] <= _MOST_BYTES:
                return None
    except (WhetError, IndexError):
        return None
    return entry if _is_ranks(key.rpartition("/")[2]) else None


def _is_ranks(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) < 10 and int(word) > 0


def _is_time(seconds: float) -> bool:
    return math.isfinite(seconds) and seconds > 0
