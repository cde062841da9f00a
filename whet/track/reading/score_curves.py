"""Scores over time: means of a score in stretches of equally many requests, for each version of a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from whet.track.reading.request_table import SCORE, RequestTable

# A stretch has so many scores at least, and a version so many stretches at most.
LEAST, MOST = 10, 40
_DRAWS = 1000


def score_curves(table: RequestTable, numbers: np.ndarray) -> list[dict[str, Any]]:
    """Of each score and each version of a model its stretches, in the order of time: when, how many, the mean, and
    between what the means of 95 % of the samples drawn anew lie (percentile bootstrap)."""
    columns = {name: table.column(name, numbers) for name in ("time", "model", "adapter", "version")}
    found = []
    for name in table.scores.names:
        scored: dict[tuple[str, str], list[tuple[float, float]]] = {}
        for number, value in enumerate(table.column(SCORE + name, numbers)):
            if value is not None:
                model = columns["adapter"][number] or columns["model"][number] or ""
                key = str(model), str(columns["version"][number] or "")
                scored.setdefault(key, []).append((columns["time"][number], value))
        for (model, version), points in scored.items():
            found.append({"score": name, "model": model, "version": version, "points": _points(sorted(points))})
    return found


def _points(scored: Sequence[tuple[float, float]]) -> list[dict[str, Any]]:
    num = max(1, min(MOST, len(scored) // LEAST))
    parts = [scored[len(scored) * i // num : len(scored) * (i + 1) // num] for i in range(num)]
    return [
        {"begin": part[0][0], "end": part[-1][0], "count": len(part), **_mean(np.array([value for _, value in part]))}
        for part in parts
    ]


def _mean(values: np.ndarray) -> dict[str, float | None]:
    if len(values) < 2:
        return {"mean": float(values.mean()), "low": None, "high": None}
    means = np.random.default_rng(0).choice(values, (_DRAWS, len(values))).mean(1)
    low, high = np.quantile(means, (0.025, 0.975))
    return {"mean": float(values.mean()), "low": float(low), "high": float(high)}
