"""What a run says of its metrics: over which other one they are drawn, and what of them is summed up."""

from __future__ import annotations

import math
from fnmatch import fnmatchcase
from typing import Any

WAYS = ("min", "max", "mean", "last", "first", "best", "none", "copy")


class Defined:
    """Metrics by the names or patterns they were defined with, and the figures that these ask for."""

    def __init__(self) -> None:
        self.ways: dict[str, tuple[str, ...]] = {}
        self._figures: dict[str, dict[str, float]] = {}
        self._counts: dict[str, int] = {}

    def define(self, name: str, summary: str | None, goal: str | None) -> None:
        """Ask for figures of a metric, such as `min,max`. `best` is the minimum, or what `goal` says."""
        asked = [way.strip() for way in (summary or "").split(",") if way.strip()]
        if unknown := [way for way in asked if way not in WAYS]:
            raise ValueError(f"`{unknown[0]}` is no summary of a metric; there are {', '.join(WAYS)}")
        best = "max" if (goal or "").startswith("max") else "min"
        self.ways[name] = tuple(best if way == "best" else way for way in asked)

    def take(self, numbers: dict[str, float]) -> None:
        """Note the values of a call."""
        for name, value in numbers.items():
            ways = self._of(name)
            if ways and not math.isnan(value):
                self._count(name, ways, float(value))

    def apply(self, summary: dict[str, Any]) -> None:
        """Put `name.min` and the like into a summary, and take out what is not to be summed up."""
        for name, figures in self._figures.items():
            summary.update({f"{name}.{way}": value for way, value in figures.items()})
        for name in [name for name in summary if "none" in self._of(name)]:
            del summary[name]

    def _of(self, name: str) -> tuple[str, ...]:
        if name in self.ways:
            return self.ways[name]
        return next((ways for pattern, ways in self.ways.items() if fnmatchcase(name, pattern)), ())

    def _count(self, name: str, ways: tuple[str, ...], value: float) -> None:
        count = self._counts[name] = self._counts.get(name, 0) + 1
        figures = self._figures.setdefault(name, {})
        for way in ways:
            known = figures.get(way, value)
            match way:
                case "min":
                    figures[way] = min(known, value)
                case "max":
                    figures[way] = max(known, value)
                case "mean":
                    figures[way] = known + (value - known) / count
                case "first":
                    figures[way] = known
