"""Series: a curve of bounded length, whole or in buckets, and robust statistics over it."""

# n points or buckets   w width of a window

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

# Turns a median absolute deviation into a standard deviation, for a normal distribution.
DEVIATION = 1.4826


@dataclass(frozen=True, slots=True)
class Series:
    """Steps from and to (n,) int64; lowest, highest and mean value and Unix time (n,) float64. `is_whole`: each entry
    is one point, and the three values are one."""

    first_steps: np.ndarray
    steps: np.ndarray
    low: np.ndarray
    high: np.ndarray
    mean: np.ndarray
    times: np.ndarray
    is_whole: bool = True

    def __len__(self) -> int:
        return len(self.steps)

    def from_step(self, step: int) -> Series:
        """What begins at a step or behind it."""
        return self.part(self.first_steps >= step)

    def part(self, which: np.ndarray | slice) -> Series:
        """Some of it."""
        first, last, low, high = (array[which] for array in (self.first_steps, self.steps, self.low, self.high))
        return Series(first, last, low, high, self.mean[which], self.times[which], self.is_whole)


def middle(values: np.ndarray) -> float:
    """The median of what is finite; NaN without any."""
    import numpy as np

    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) else float("nan")


def spread(values: np.ndarray) -> float:
    """The robust standard deviation of what is finite."""
    import numpy as np

    return DEVIATION * middle(np.abs(values - middle(values))) if len(values) else float("nan")


def noise(values: np.ndarray) -> float:
    """The robust standard deviation around a level that moves slowly: of differences, over the square root of 2."""
    import numpy as np

    return spread(np.diff(values)) / 2**0.5 if len(values) > 2 else float("nan")


def before(values: np.ndarray, width: int, noise_width: int, least: int) -> tuple[np.ndarray, np.ndarray]:
    """Of each place the level before it, and the noise around a level that moves, (n,) both; NaN before the `least`-th.

    The level is the median of the last `width` values. The noise is that of the last `noise_width` changes around their
    own median: a loss that falls evenly is no noise.
    """
    import numpy as np

    levels = _trailing(values, width, least)
    changes = np.diff(values, prepend=values[:1])
    return levels, DEVIATION / 2**0.5 * _trailing(changes, noise_width, least, _off_median)


def _median(values: np.ndarray) -> np.ndarray:
    import numpy as np

    return np.median(values, axis=-1)


def _off_median(values: np.ndarray) -> np.ndarray:
    """The median distance from the median, along the last axis."""
    import numpy as np

    return np.median(np.abs(values - np.median(values, axis=-1, keepdims=True)), axis=-1)


def _trailing(
    values: np.ndarray, width: int, least: int, of: Callable[[np.ndarray], np.ndarray] = _median
) -> np.ndarray:
    """Of each place the median (or another figure) of the `width` values before it, or of all there are from the
    `least`-th place on."""
    import numpy as np

    found = np.full(len(values), np.nan)
    for place in range(least, min(width, len(values))):
        found[place] = of(values[:place])
    if len(values) > max(width, least):
        found[width:] = of(np.lib.stride_tricks.sliding_window_view(values, width)[:-1])
        found[:least] = np.nan
    return found


def smoothed(values: np.ndarray, num: int) -> tuple[np.ndarray, np.ndarray]:
    """Medians of about `num` parts of equal length, and the place where each part begins."""
    import numpy as np

    edges = np.unique(np.arange(num) * len(values) // num)
    parts = np.split(values, edges[1:])
    return np.array([middle(part) for part in parts]), edges
