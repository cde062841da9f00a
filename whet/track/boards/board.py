"""A board: a task, the settings that every entry has to have, what is measured, and the entries."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from whet.base.stated import Stated

Name = Annotated[str, Field(min_length=1, max_length=500)]


class Task(Stated):
    """What a board asks for.

    `frozen` are settings (`data.train.0.path`, `seed`, ...) with the value that they have in every entry; `metric` is
    what entries are ordered by, the last value of a curve or an entry of the summary; `curves` are kept with them.
    """

    title: Annotated[str, Field(min_length=1, max_length=200)]
    about: Annotated[str, Field(max_length=50_000)] = ""
    metric: Name
    is_lower_better: bool = True
    frozen: Annotated[dict[Name, Any], Field(max_length=200)] = {}
    curves: Annotated[list[Name], Field(max_length=20)] = ["loss"]


class EntryCurve(Stated):
    """A curve in buckets over steps."""

    first: list[float]
    last: list[float]
    low: list[Any]
    high: list[Any]
    mean: list[Any]


class Entry(Stated):
    """A run as it was when it was entered: what it reached, what it took, and how to do it again.

    `command` is what was typed; `config` what differs from the frozen settings; times are Unix times, energy in J.
    """

    run: str
    by: str = ""
    note: Annotated[str, Field(max_length=5000)] = ""
    entered: float
    score: float
    step: int | None
    duration_s: float
    energy_j: float | None
    cost: float | None
    hardware: str
    command: str
    commit: str
    config: dict[str, Any]
    curves: dict[str, EntryCurve]


class Board(Task):
    """A board as it is kept."""

    id: str
    made: float
    entries: list[Entry] = []

    @property
    def ranked(self) -> list[Entry]:
        """Entries, the best first; of equals the earlier one."""
        sign = 1 if self.is_lower_better else -1
        return sorted(self.entries, key=lambda entry: (sign * entry.score, entry.entered))
