"""Correlations of two lists of numbers, with the interval of Fisher's transformation."""

# n pairs

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from whet.evaluate.result import Figure

# Half the width of a 95 % interval of the normal distribution, in standard deviations.
_Z = 1.959963984540054
# The variance of a transformed coefficient, times n - 3 (Fisher 1921; Fieller, Hartley and Pearson 1957).
_OF_VALUES, _OF_RANKS = 1.0, 1.06


def pearson(first: ArrayLike, second: ArrayLike) -> Figure:
    """The linear correlation; NaN where one list is constant."""
    return _figure(np.asarray(first, float), np.asarray(second, float), _OF_VALUES)


def spearman(first: ArrayLike, second: ArrayLike) -> Figure:
    """The correlation of the ranks, equal values sharing the mean of theirs; NaN where one list is constant."""
    return _figure(ranks(first), ranks(second), _OF_RANKS)


def ranks(values: ArrayLike) -> np.ndarray:
    """The rank of each value from 1 on; equal ones share the mean of theirs."""
    _, places, counts = np.unique(np.asarray(values, float), return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return ((2 * ends - counts + 1) / 2)[places]


def _figure(x_n: np.ndarray, y_n: np.ndarray, variance: float) -> Figure:
    x_n, y_n, n = x_n - x_n.mean(), y_n - y_n.mean(), len(x_n)
    size = math.sqrt(float(x_n @ x_n) * float(y_n @ y_n))
    if not size:
        return Figure(math.nan, n)
    value = max(-1.0, min(1.0, float(x_n @ y_n) / size))
    if n < 4 or abs(value) == 1:
        return Figure(value, n)
    half = _Z * math.sqrt(variance / (n - 3))
    middle = math.atanh(value)
    error = math.sqrt((1 - value**2) / (n - 2))
    return Figure(value, n, error, math.tanh(middle - half), math.tanh(middle + half))
