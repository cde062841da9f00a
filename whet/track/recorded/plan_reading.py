"""A run's memory as it was planned, and beside it what was measured: `plan.json`, read. Damage is passed over."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whet.base.documents import read_object
from whet.base.errors import WhetError

NAME = "plan.json"
# What is told apart in both, in order: `step` is what comes and goes within a step.
ROWS = ("weights", "optimizer", "step", "peak")


@dataclass(frozen=True, slots=True)
class PlanRow:
    """Bytes of a part; `apart` is by which share of what was planned the measured ones differ."""

    name: str
    planned: float | None
    measured: float | None
    apart: float | None


@dataclass(frozen=True, slots=True)
class PlanBeside:
    """`components` are bytes of the planned peak, whose `moment` is named; `why` says, by setting, why what was `auto`
    is what it is. All empty where nothing was planned."""

    rows: list[PlanRow]
    moment: str | None
    components: dict[str, float]
    why: dict[str, str]


def plan_beside(folder: Path) -> PlanBeside:
    """The plan of the run in a folder. What a run that has not ended, or no formulas tell of, lacks is None."""
    try:
        told = read_object(folder / NAME)
    except WhetError:
        return PlanBeside([], None, {}, {})
    planned, measured = _numbers(told.get("planned")), _numbers(told.get("measured"))
    why = told.get("why")
    words = {str(key): str(text) for key, text in why.items()} if isinstance(why, Mapping) else {}
    moment = told.get("moment")
    return PlanBeside(
        list(_rows(planned, measured)), moment if isinstance(moment, str) else None, _numbers(told.get("components")),
        words,
    )  # fmt: skip


def _rows(planned: Mapping[str, float], measured: Mapping[str, float]) -> Iterator[PlanRow]:
    for name in ROWS:
        one, other = planned.get(name), measured.get(name)
        if one is not None or other is not None:
            yield PlanRow(name, one, other, other / one - 1 if one and other is not None else None)


def _numbers(told: Any) -> dict[str, float]:
    if not isinstance(told, Mapping):
        return {}
    return {
        str(name): float(value)
        for name, value in told.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
    }
