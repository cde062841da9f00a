"""Scores of recorded requests, as `whet requests score` writes them: a log of their own, an attempt a time it is asked.

An attempt begins with the event `scoring`, which says by what is judged: rewards with their settings, the judge's
prompt as it is asked, prices and how many were drawn. Each request that was scored is an event `score`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whet.track.logs import frames
from whet.track.logs.followed import Followed

WRITER, SCORING, SCORED = "scores", "scoring", "score"


@dataclass(frozen=True, slots=True)
class Scoring:
    """Once that requests were scored: when, by what, and what it has cost so far."""

    time: float
    about: Mapping[str, Any]
    num: int
    cost: float | None
    file: str


class Scores:
    """All scores of a run by the trace that they are of; of one that was scored again by a name, the newest."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, Followed] = {}
        self._of: dict[str, dict[str, float]] = {}
        self._scorings: dict[str, tuple[float, Mapping[str, Any]]] = {}
        self._sums: dict[str, list[float]] = {}
        self.names: list[str] = []
        self.count = 0

    def refresh(self) -> None:
        """Follow the logs. What cannot be read is left out."""
        named = ((frames.parse_name(path), path) for path in self._folder.glob(f"{WRITER}.a*{frames.LOG}"))
        for _, path in sorted((writer.attempt, path) for writer, path in named if writer is not None):
            with suppress(OSError):
                for one in self._files.setdefault(path.name, Followed(path)).news():
                    with suppress(TypeError, ValueError, KeyError, AttributeError):
                        self._take(path.name, one.kind, one.payload)

    def of(self, trace: str) -> dict[str, float]:
        """A request's scores by name."""
        return self._of.get(trace, {})

    def scorings(self) -> list[Scoring]:
        """When was scored, the latest first."""
        found = []
        for file, (time, about) in self._scorings.items():
            num, cost = self._sums.get(file, (0, 0.0))
            found.append(Scoring(time, about, int(num), cost if about.get("price") else None, file))
        return sorted(found, key=lambda one: -one.time)

    def _take(self, file: str, kind: str, told: Mapping[str, Any]) -> None:
        self.count += 1
        if kind == SCORING:
            self._scorings[file] = float(told["time"]), told
        elif kind == SCORED:
            scores = {str(name): float(value) for name, value in told["scores"].items() if value is not None}
            self._of.setdefault(str(told["trace"]), {}).update(scores)
            self.names += [name for name in scores if name not in self.names]
            sums = self._sums.setdefault(file, [0, 0.0])
            sums[0] += 1
            sums[1] += float(told.get("cost") or 0.0)
