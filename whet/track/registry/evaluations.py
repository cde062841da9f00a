"""Evaluations of versions: their figures by name, and two versions compared unit by unit."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whet.base.documents import read_object
from whet.base.errors import WhetError

# What a run has found of itself while it trained; only `eval/loss` means it, never `loss` alone.
HELD_OUT = "eval"
# What an evaluation tells of itself and not of a model.
ITS_OWN = ("seconds",)
# Half the width of a 95 % interval of the normal distribution, in standard deviations.
_Z = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Compared:
    """By how much a figure of one version is above that of another, over the same `n` units, and its 95 % interval."""

    name: str
    difference: float
    low: float
    high: float
    n: int


def brief(result: Mapping[str, Any]) -> dict[str, Any]:
    """A result without the values of single units."""
    return {name: value for name, value in result.items() if name != "units"}


def figures(evaluations: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The newest value of each figure as `task/name`, and as `name` where one task alone has a figure called so."""
    found: dict[str, Any] = {}
    tasks: dict[str, set[str]] = {}
    for task, name, value in _values(evaluations):
        found[f"{task}/{name}"] = value
        if task != HELD_OUT:
            tasks.setdefault(name, set()).add(task)
    bare = {name: found[f"{next(iter(own))}/{name}"] for name, own in tasks.items() if len(own) == 1}
    return bare | found


def _values(evaluations: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str, Any]]:
    for result in evaluations:
        own = result.get("figures")
        for name, figure in own.items() if isinstance(own, Mapping) else ():
            if (value := value_of(figure)) is not None:
                yield str(result.get("task")), str(name), value


def value_of(figure: Any) -> float | None:
    """The value of a figure, or of one that is a bare number; None where it is neither."""
    value = figure.get("value") if isinstance(figure, Mapping) else figure
    if isinstance(value, str):  # "NaN", "Infinity": numbers that JSON lacks
        with suppress(ValueError):
            return float(value)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def compared(
    name: str, first: Sequence[Mapping[str, Any]], second: Sequence[Mapping[str, Any]], folders: tuple[Path, Path]
) -> Compared | None:
    """The figure `name` of the first version less that of the second, unit by unit; None where they cannot be paired.

    They can where both have been measured by one task with equal settings on the same data, and what they are averages
    of has equal weights. `folders` hold the results in full.
    """
    for one in reversed(first):
        for other in reversed(second):
            figure = name.rpartition("/")[2]
            tells = [result.get("task") for result in (one, other)]
            if tells[0] != tells[1] or name not in (figure, f"{tells[0]}/{figure}") or not _same_data(one, other):
                continue
            units = [_kept_units(result, folder, figure) for result, folder in zip((one, other), folders, strict=True)]
            if units[0] is not None and units[1] is not None:
                return paired(name, *units[0], *units[1])
    return None


def paired(
    name: str, a_n: Sequence[float], u_n: Sequence[float], b_n: Sequence[float], w_n: Sequence[float]
) -> Compared | None:
    """sum(a - b) / sum(w) over paired units, with the linearised error of a ratio (Cochran 1977, section 6.3).

    None where the weights `u_n` of the first are not those `w_n` of the second.
    """
    n, whole = len(a_n), math.fsum(w_n)
    if n < 2 or len(b_n) != n or list(u_n) != list(w_n) or whole <= 0:
        return None
    value = math.fsum(a - b for a, b in zip(a_n, b_n, strict=True)) / whole
    residual = math.fsum((a - b - value * w) ** 2 for a, b, w in zip(a_n, b_n, w_n, strict=True))
    half = _Z * math.sqrt(residual * n / (n - 1)) / whole
    return Compared(name, value, value - half, value + half, n)


def _same_data(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    digests = [(result.get("facts") or {}).get("data") for result in (one, other)]
    settings = [{k: v for k, v in (r.get("settings") or {}).items() if k not in PLACES} for r in (one, other)]
    return digests[0] is not None and digests[0] == digests[1] and settings[0] == settings[1]


# Settings that say where data lies or how fast it is read: the digest of the data tells what it is.
PLACES = ("file", "batch_tokens")


def units_of(result: Mapping[str, Any], figure: str) -> tuple[list[float], list[float]] | None:
    """Parts and weights of a figure's units, of a result in full; None where it does not tell of them."""
    try:
        found = result["units"][figure]
        parts = [float(part) for part in found["parts"]]
        weights = [float(weight) for weight in found.get("wholes") or [1.0] * len(parts)]
    except (LookupError, TypeError, ValueError):
        return None
    return (parts, weights) if len(weights) == len(parts) else None


def _kept_units(result: Mapping[str, Any], folder: Path, figure: str) -> tuple[list[float], list[float]] | None:
    """Units of a result that is kept without them, from its file."""
    try:
        return units_of(read_object(folder / Path(str(result.get("file"))).name), figure)
    except WhetError:
        return None
