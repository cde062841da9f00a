"""Drift: how far the requests of a stretch of time are from those of a first one, by a stated statistic.

Of numbers it is the two-sample Kolmogorov-Smirnov distance, the largest gap between the two shares below a value, with
the chance of a gap at least as large between draws of the same (Smirnov 1948, asymptotic).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

FIELDS = ("prompt_tokens", "answer_tokens", "first_token_s", "duration_s")
# A stretch of fewer requests says nothing.
LEAST = 20


def drift(rows: Sequence[Mapping[str, Any]], windows: int, fields: Sequence[str] = FIELDS) -> dict[str, Any]:
    """The rows by their time in so many stretches of equally many requests; the first one is what others are measured
    by. Of each: when, how many, the median, the distance and its chance, by field."""
    ordered = sorted(rows, key=lambda row: row["time"])
    windows = max(1, min(windows, len(ordered) // LEAST))
    parts = [ordered[len(ordered) * i // windows : len(ordered) * (i + 1) // windows] for i in range(windows)]
    found = [
        {
            "begin": part[0]["time"], "end": part[-1]["time"], "count": len(part),
            "fields": {name: _measured(_values(parts[0], name), _values(part, name)) for name in fields},
        }
        for part in parts
        if part
    ]  # fmt: skip
    return {"statistic": "ks", "least": LEAST, "windows": found}


def distance(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """The Kolmogorov-Smirnov distance of two samples, and the chance of at least that between draws of the same."""
    first, second = np.sort(first), np.sort(second)
    every = np.concatenate([first, second])
    gaps = np.searchsorted(first, every, "right") / len(first) - np.searchsorted(second, every, "right") / len(second)
    largest = float(np.abs(gaps).max())
    return largest, _chance(largest * math.sqrt(len(first) * len(second) / (len(first) + len(second))))


def _chance(scaled: float) -> float:
    """P(K >= scaled) of Kolmogorov's distribution."""
    if scaled < 0.2:  # the series does not settle there, and the chance is 1 to fifteen digits
        return 1.0
    terms = (2 * (-1) ** (k - 1) * math.exp(-2 * k * k * scaled * scaled) for k in range(1, 101))
    return min(1.0, max(0.0, sum(terms)))


def _measured(reference: np.ndarray, values: np.ndarray) -> dict[str, float | None]:
    if not (len(reference) and len(values)):
        return {"median": None, "distance": None, "chance": None}
    found, chance = distance(reference, values)
    return {"median": float(np.median(values)), "distance": found, "chance": chance}


def _values(rows: Sequence[Mapping[str, Any]], name: str) -> np.ndarray:
    return np.array([float(row[name]) for row in rows if isinstance(row.get(name), int | float)])
