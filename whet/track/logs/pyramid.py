"""Pyramid: the curves of one schema, summed up in buckets, so that a million points are shown without reading them."""

# n buckets   k names   r rows that fill no bucket yet

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from whet.track.logs import frames
from whet.track.logs.non_finite import NonFinite
from whet.track.logs.scan import Names, Rows

if TYPE_CHECKING:
    import numpy as np

# Rows of a bucket. Whoever shows a curve joins as many as its width allows.
SIZE = 64


@dataclass(frozen=True, slots=True)
class Level:
    """Buckets in the order logged: byte of the first row (n,), steps from and to (n,), time of the first (n,);
    of each name the lowest, highest and mean value (k, n). NaN counts in none of them; all of them give NaN."""

    offsets: np.ndarray
    first_steps: np.ndarray
    last_steps: np.ndarray
    times: np.ndarray
    low: np.ndarray
    high: np.ndarray
    mean: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets)

    @classmethod
    def of_rows(cls, rows: Rows, size: int) -> Level:
        """Whole buckets of `size` rows; those that are left over are not in it."""
        import numpy as np

        num = len(rows.offsets) // size
        values = np.ascontiguousarray(rows.values[: num * size].T)  # sums round alike however the rows lay
        values = values.reshape(len(rows.names), num, size)
        steps = rows.steps[: num * size].reshape(num, size)
        low, high, mean = _summed_up(values)
        starts = slice(0, num * size, size)
        return cls(rows.offsets[starts], steps.min(axis=1), steps.max(axis=1), rows.times[starts], low, high, mean)

    @classmethod
    def of_points(cls, steps: np.ndarray, values: np.ndarray) -> Level:
        """A bucket a point, of one curve; their places in the log and times are not known."""
        import numpy as np

        zeros = np.zeros(len(steps), np.int64)
        return cls(zeros, steps, steps, zeros.astype(float), values[None], values[None], values[None])

    def coarser(self, edges: np.ndarray) -> Level:
        """Buckets joined: the i-th holds those from `edges[i]` on. Means weigh buckets alike, as they hold as many."""
        import numpy as np

        with np.errstate(invalid="ignore", over="ignore"):
            counts = np.add.reduceat((~np.isnan(self.mean)).astype(float), edges, axis=1)
            mean = np.add.reduceat(np.nan_to_num(self.mean, nan=0.0, posinf=np.inf, neginf=-np.inf), edges, axis=1)
            mean = np.where(counts > 0, mean / np.maximum(counts, 1), np.nan)
        return Level(
            self.offsets[edges],
            np.minimum.reduceat(self.first_steps, edges),
            np.maximum.reduceat(self.last_steps, edges),
            self.times[edges],
            np.fmin.reduceat(self.low, edges, axis=1),
            np.fmax.reduceat(self.high, edges, axis=1),
            mean,
        )

    def at_most(self, num: int) -> Level:
        """These buckets, or so many of them together that `num` are left."""
        import numpy as np

        if len(self) <= num:
            return self
        return self.coarser(np.arange(num) * len(self) // num)

    def before(self, step: float) -> Level:
        """The buckets all of whose steps lie before one."""
        keep = self.last_steps < step
        return self._part(keep)

    def between(self, first: int, last: int) -> Level:
        """The buckets that have steps from `first` to `last`."""
        return self._part((self.last_steps >= first) & (self.first_steps <= last))

    def of(self, place: int) -> Level:
        """The curve at a place among the names, alone: (1, n)."""
        one = slice(place, place + 1)
        return Level(*self._places(), self.low[one], self.high[one], self.mean[one])

    def points(self) -> tuple[np.ndarray, np.ndarray]:
        """Steps and values of points that draw as this level of one curve: of each bucket all that is known."""
        import numpy as np

        if (self.first_steps == self.last_steps).all():
            return self.first_steps, self.mean[0]
        values = np.stack([self.low[0], self.mean[0], self.high[0]], axis=1)
        return np.repeat((self.first_steps + self.last_steps) // 2, 3), values.ravel()

    def joined(self, later: Level) -> Level:
        """These buckets and the later ones."""
        import numpy as np

        return Level(*(np.concatenate(pair, axis=-1) for pair in zip(self.arrays(), later.arrays(), strict=True)))

    def sorted(self) -> Level:
        """The buckets by their place in the log."""
        import numpy as np

        return self._part(np.argsort(self.offsets, kind="stable"))

    def arrays(self) -> tuple[np.ndarray, ...]:
        """All fields, in the order they are declared."""
        return (*self._places(), self.low, self.high, self.mean)

    def _places(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        return self.offsets, self.first_steps, self.last_steps, self.times

    def _part(self, which: np.ndarray) -> Level:
        return Level(*(array[..., which] for array in self.arrays()))


class Pyramid:
    """The buckets of one schema, and the rows that fill none yet."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.num_rows = 0
        self.base: Level | None = None
        self.rest: Rows | None = None
        # The newest values, for listings: (at most SIZE, k), and where in the log they lie.
        self.recent: np.ndarray | None = None
        self.recent_offsets: np.ndarray | None = None
        self.non_finite = NonFinite()
        # Where in the log the whole buckets end: no row of this schema that fills one lies behind it.
        self.base_end = 0

    def add(self, rows: Rows) -> None:
        """Take further rows of this schema, in the order logged."""
        import numpy as np

        self.num_rows += len(rows.offsets)
        self.non_finite.add(rows.steps, rows.values)
        newest, places = rows.values[-SIZE:], rows.offsets[-SIZE:]
        if self.recent is not None and self.recent_offsets is not None:
            newest, places = np.concatenate([self.recent, newest]), np.concatenate([self.recent_offsets, places])
        self.recent, self.recent_offsets = newest[-SIZE:].copy(), places[-SIZE:].copy()
        rest = rows if self.rest is None else _joined(self.rest, rows)
        whole = len(rest.offsets) // SIZE * SIZE
        if whole:
            level = Level.of_rows(rest, SIZE)
            self.base = level if self.base is None else self.base.joined(level)
            self.base_end = int(rest.offsets[whole - 1]) + _row_bytes(self.names)
            rest = _from(rest, whole)
        self.rest = rest

    @property
    def num_bytes(self) -> int:
        """How much memory it takes, as far as that grows."""
        held = [*(self.base.arrays() if self.base else ()), *(self.rest.arrays() if self.rest else ())]
        return sum(array.nbytes for array in held)

    def totals(self, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of each bucket where it lies in the log, its last step, and the sum of its values; NaN adds nothing."""
        import numpy as np

        place = self.names.index(name)
        found = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))]
        if self.base is not None:
            found.append((self.base.offsets, self.base.last_steps, self.base.mean[place] * SIZE))
        if self.rest is not None and len(self.rest.offsets):
            found.append((self.rest.offsets, self.rest.steps, self.rest.values[:, place]))
        offsets, steps, sums = (np.concatenate(part) for part in zip(*found, strict=True))
        return offsets, steps, np.nan_to_num(sums)

    def level(self, name: str) -> Level | None:
        """All buckets of a curve, the last of which may hold fewer rows; None without any."""
        place = self.names.index(name)
        found = [] if self.base is None else [self.base.of(place)]
        if self.rest is not None and len(self.rest.offsets):
            found.append(Level.of_rows(self.rest, len(self.rest.offsets)).of(place))
        return None if not found else found[0] if len(found) == 1 else found[0].joined(found[1])


def _summed_up(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lowest, highest and mean (k, n) of buckets (k, n, size), NaN left out."""
    import numpy as np

    with np.errstate(invalid="ignore", over="ignore"):
        low, high, mean = values.min(axis=2), values.max(axis=2), values.sum(axis=2) / values.shape[2]
        if not np.isnan(low).any():
            return low, high, mean
        is_number = ~np.isnan(values)
        is_empty = ~is_number.any(axis=2)
        low = np.where(is_number, values, np.inf).min(axis=2)
        high = np.where(is_number, values, -np.inf).max(axis=2)
        mean = np.where(is_number, values, 0.0).sum(axis=2) / np.maximum(is_number.sum(axis=2), 1)
    for part in (low, high, mean):
        part[is_empty] = np.nan
    return low, high, mean


def _row_bytes(names: Names) -> int:
    """How long the frame of a row is."""
    return frames.HEAD.size + frames.STAMP.size + 8 * len(names)


def _joined(first: Rows, second: Rows) -> Rows:
    import numpy as np

    return Rows(first.names, *(np.concatenate(pair) for pair in zip(first.arrays(), second.arrays(), strict=True)))


def _from(rows: Rows, start: int) -> Rows:
    return Rows(rows.names, *(array[start:].copy() for array in rows.arrays()))
