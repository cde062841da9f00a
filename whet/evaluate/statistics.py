"""Means, ratios of sums and perplexities with standard errors, from the units that were drawn independently.

Tokens of one document hang together, so the unit is the document (row, example) and never the token.
"""

# n units

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from whet.evaluate.result import Figure

# Half the width of a 95 % interval of the normal distribution, in standard deviations.
_Z = 1.959963984540054


def mean(values: ArrayLike) -> Figure:
    """The average, with the standard error of the sample (denominator n - 1)."""
    return ratio(values, np.ones_like(values, float))


def proportion(hits: Sequence[bool]) -> Figure:
    """The share of hits. The interval is Wilson's (1927), which stays within 0 and 1 and holds for few or no hits."""
    figure = mean(np.asarray(hits, float))
    return Figure(figure.value, figure.n, figure.error, *_wilson(figure.value, figure.n))


def ratio(parts: ArrayLike, wholes: ArrayLike) -> Figure:
    """sum(parts) / sum(wholes) over units, such as nats over words of documents.

    The error is the linearised one of a ratio estimator (Cochran 1977, section 6.3): it counts both long and short
    documents as single draws. Both sums are float64.
    """
    x_n, w_n = np.asarray(parts, float), np.asarray(wholes, float)
    n, value = len(x_n), float(x_n.sum() / w_n.sum())
    if n < 2:
        return Figure(value, n)
    residual = float(((x_n - value * w_n) ** 2).sum())
    error = math.sqrt(residual * n / (n - 1)) / float(w_n.sum())
    return Figure(value, n, error, value - _Z * error, value + _Z * error)


def share(parts: ArrayLike, wholes: ArrayLike) -> Figure:
    """A ratio of parts that are at most the wholes: its interval stays within 0 and 1.

    At 0 or 1 no unit differs from another, and the interval is that of as many single draws.
    """
    figure = ratio(parts, wholes)
    if figure.low is None or figure.high is None:
        return figure
    if figure.value in (0.0, 1.0):
        return Figure(figure.value, figure.n, figure.error, *_wilson(figure.value, figure.n))
    return Figure(figure.value, figure.n, figure.error, max(0.0, figure.low), min(1.0, figure.high))


def exponential(log: Figure) -> Figure:
    """exp of a figure, such as a perplexity of a mean of nats. The interval's ends are those of the logarithm."""
    value = _exp(log.value)
    if log.error is None or log.low is None or log.high is None:
        return Figure(value, log.n)
    return Figure(value, log.n, value * log.error, _exp(log.low), _exp(log.high))


def scaled(figure: Figure, factor: float) -> Figure:
    """A figure in another unit; `factor` is positive."""
    ends = [None if end is None else end * factor for end in (figure.error, figure.low, figure.high)]
    return Figure(figure.value * factor, figure.n, *ends)


def _wilson(share: float, n: int) -> tuple[float, float]:
    z2 = _Z * _Z
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    # Without a hit, or a miss, one end is exact: rounding would leave 2.8e-17 in its place.
    return (0.0 if share == 0 else middle - half), (1.0 if share == 1 else middle + half)


def _exp(value: float) -> float:
    return math.exp(value) if value < 700 else math.inf
