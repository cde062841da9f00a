"""Curves of runs: in buckets to draw, over steps or another axis, of one run or of many; every point; what is new."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query

from whet.server.answers.curves import Curve, CurvesOfRuns, News, PointsPage
from whet.server.answers.values import Answer
from whet.server.errors import Refusal, invalid, missing
from whet.server.served import Runs
from whet.track.reading.read import History, Points
from whet.track.reading.read import News as ReadNews
from whet.track.recorded.axes import AXES, STEP, Axis, axis

if TYPE_CHECKING:
    import numpy as np

    from whet.track.logs.pyramid import Level

router = APIRouter(prefix="/api/v1", tags=["curves"])

Names = Annotated[list[str], Query()]
Most = Annotated[int, Query(ge=1, le=100_000)]
Step = Annotated[int | None, Query(ge=-(1 << 62), le=1 << 62)]
Over = Literal["step", "tokens", "time", "flops", "cost", "energy"]
# Buckets that one answer for many runs may hold.
_MOST_BUCKETS = 2_000_000
# Of the logs so much may lie behind a cursor for an answer that holds all of it.
_MOST_NEWS_BYTES = 32 << 20
_FIELDS = ("steps", "values", "times")


@router.get("/runs/{run}/curves", response_class=Answer, response_model=dict[str, Curve])
def curves(
    served: Runs,
    run: str,
    names: Names,
    most: Most = 2000,
    writer: str | None = None,
    start: Step = None,
    end: Step = None,
    x: Over = STEP,
) -> Answer:
    """Curves to draw: at most about `most` buckets each with first and last step, low, high and mean, no spike lost.

    With `start` and `end` (steps) only what lies between, point by point where that is few enough. `x` is the axis that
    `first` and `last` are on. `marks` tell where the curve is NaN or infinite. `writer` is the run's lowest rank, or
    where that has no such curve the first who does, unless one is named.
    """
    with served.history(served.folder(run)) as logs:
        _check(logs, names)
        over = axis(logs, x)
        tellers = {name: writer or logs.teller(name) for name in names}
        levels = {name: _level(logs, name, most, teller, start, end) for name, teller in tellers.items()}
        return Answer({name: _curve(logs, name, level, tellers[name], over) for name, level in levels.items()})


@router.get("/curves", response_class=Answer, response_model=CurvesOfRuns)
def curves_of_runs(
    served: Runs,
    runs: Annotated[str, Query(description="names, with commas between")],
    names: Names,
    most: Annotated[int, Query(ge=1, le=10_000)] = 300,
    start: Step = None,
    end: Step = None,
    x: Over = STEP,
) -> Answer:
    """Curves of many runs at once, packed, for comparing them; what a run does not have is left out."""
    wanted = list(dict.fromkeys(name for name in runs.split(",") if name))
    if len(wanted) * len(names) * most > _MOST_BUCKETS:
        raise invalid(f"{len(wanted)} runs with {len(names)} curves of {most} buckets are too many: ask for fewer")
    found: dict[str, dict[str, Any]] = {}
    for run in wanted:
        with served.history(served.folder(run)) as logs:
            known = set(logs.names(logs.speaker))
            over = AXES[x](logs)
            levels = {name: _level(logs, name, most, None, start, end) for name in names if name in known and over}
            found[run] = {name: _packed(logs, name, level, over) for name, level in levels.items() if over}
    return Answer({"runs": found})


@router.get("/runs/{run}/points", response_class=Answer, response_model=PointsPage)
def points(
    served: Runs,
    run: str,
    name: str,
    start: Annotated[int, Query(ge=0)] = 0,
    limit: Most = 100_000,
    writer: str | None = None,
    ghosts: bool = False,
) -> Answer:
    """Every point of a curve, from its `start`-th on: steps, values and Unix times; or of what was gone over again."""
    with served.history(served.folder(run)) as logs:
        _check(logs, [name])
        writer = writer or logs.teller(name)
        parts = logs.ghosts(name, writer) if ghosts else logs.points(name, writer)
    end, total = start + limit, sum(len(part.steps) for part in parts)
    page = {field: _slice(parts, field, start, end) for field in _FIELDS}
    return Answer({**page, "total": total, "next": end if end < total else None})


@router.get("/runs/{run}/since", response_class=Answer, response_model=News)
def since(served: Runs, run: str, cursor: str = "{}") -> Answer:
    """What came behind a cursor, points and events, and the cursor to ask with next time.

    Refused, with that cursor, where it is too much for an answer.
    """
    seen = cursor_of(cursor)
    with served.history(served.folder(run)) as logs:
        newest = logs.offsets
        if sum(max(0, offset - seen.get(name, 0)) for name, offset in newest.items()) > _MOST_NEWS_BYTES:
            hint = "curves draw it in buckets; then go on from the `cursor` of this answer"
            raise Refusal("TOO_LARGE", "too much has come since that cursor", cursor=newest, hint=hint)
        return Answer(news(logs.since(seen)))


def news(found: ReadNews) -> dict[str, Any]:
    """What is new, as an answer."""
    points = [
        {"name": part.name, "writer": part.writer, "attempt": part.attempt, **{f: _list(part, f) for f in _FIELDS}}
        for part in found.points
    ]
    return {"points": points, "events": [asdict(event) for event in found.events], "cursor": found.cursor}


def cursor_of(text: str) -> dict[str, int]:
    """A cursor that came back. Raises Refusal for what is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(type(value) is int and 0 <= value < 1 << 62 for value in found.values()):
        raise invalid("the cursor is none that this server gave")
    return found


def _check(logs: History, names: list[str]) -> None:
    known = logs.names()
    for name in names:
        if name not in known:
            raise missing(f"the run has no curve `{name}`")


def _level(logs: History, name: str, most: int, writer: str | None, start: int | None, end: int | None) -> Level:
    if start is None and end is None:
        return logs.curve(name, most, writer)
    first, last = (-(1 << 62) if start is None else start), (1 << 62 if end is None else end)
    return logs.window(name, first, last, most, writer)


def _curve(logs: History, name: str, level: Level, writer: str, over: Axis) -> dict[str, Any]:
    steps = {"first_steps": level.first_steps.tolist(), "last_steps": level.last_steps.tolist()}
    values = {"low": level.low[0].tolist(), "high": level.high[0].tolist(), "mean": level.mean[0].tolist()}
    ends = {"first": over.at(level.first_steps).tolist(), "last": over.at(level.last_steps).tolist()}
    marks = [asdict(one) for one in logs.non_finite(name, writer)]
    return {**steps, **values, "marks": marks, "unit": over.unit, "writer": writer, **ends}


def _packed(logs: History, name: str, level: Level, over: Axis) -> dict[str, Any]:
    import numpy as np

    with np.errstate(over="ignore"):  # what f32 cannot hold is infinite there
        low, high, mean = (array[0].astype("<f4") for array in (level.low, level.high, level.mean))
    low = np.where(low > level.low[0], np.nextafter(low, np.float32(-np.inf)), low)
    high = np.where(high < level.high[0], np.nextafter(high, np.float32(np.inf)), high)
    return {
        "count": len(level), "unit": over.unit, "first": _text(over.at(level.first_steps), "<f8"),
        "last": _text(over.at(level.last_steps), "<f8"), "low": _text(low, "<f4"), "high": _text(high, "<f4"),
        "mean": _text(mean, "<f4"), "marks": [asdict(one) for one in logs.non_finite(name)],
    }  # fmt: skip


def _text(array: np.ndarray, form: str) -> str:
    return base64.b64encode(array.astype(form).tobytes()).decode()


def _slice(parts: Sequence[Points], field: str, start: int, end: int) -> list[Any]:
    """A stretch of what all parts have; of a long curve no more is made a list than is told."""
    found: list[Any] = []
    for part in parts:
        size = len(part.steps)
        found += getattr(part, field)[max(start, 0) : max(end, 0)].tolist()
        start, end = start - size, end - size
    return found


def _list(part: Any, field: str) -> list[Any]:
    return getattr(part, field).tolist()
