"""Evaluations of many runs beside each other: a table a task, a row a run, the best, and how far each is from one."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from whet.track.reading.catalogue import said_of
from whet.track.reading.rows import flat, numbered
from whet.track.reading.store import history
from whet.track.recorded.belongings import evaluations
from whet.track.registry.evaluations import HELD_OUT, ITS_OWN, PLACES, paired, units_of, value_of

# Held-out figures of a training of which less is better; of others it is not known here.
_LESS_HELD_OUT = {"loss": True, "perplexity": True}
# Settings that say what held-out figures are figures of: the data, and how they are learned.
_DATA, _OBJECTIVE = "data.held_out", "objective"


@dataclass(frozen=True, slots=True)
class Against:
    """By how much a value is above the baseline's.

    With a 95 % interval and the number of units where both were measured on the same units, and can be paired.
    """

    difference: float
    low: float | None = None
    high: float | None = None
    n: int | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure of a run, with the 95 % interval and the number of units that were told of it."""

    value: float
    low: float | None
    high: float | None
    n: int | None
    is_best: bool = False
    against: Against | None = None


@dataclass(frozen=True, slots=True)
class MeasuredRun:
    """The newest result of a run, of `count`; `cells` stand in the order of the task's figures.

    `path` is its file within the run's folder; empty for what was measured while the run trained, last at `step`.
    """

    run: str
    model: str
    path: str
    time: float | None
    step: int | None
    count: int
    cells: list[Cell | None]


@dataclass(frozen=True, slots=True)
class MeasuredFigure:
    """A figure, and whether less of it is better; None where that is not known."""

    name: str
    less_is_better: bool | None


@dataclass(frozen=True, slots=True)
class MeasuredTask:
    """What can be compared: one task with equal settings on the same data. `missing` are the runs without a result."""

    task: str
    settings: dict[str, Any]
    figures: list[MeasuredFigure]
    rows: list[MeasuredRun]
    missing: list[str]


@dataclass(frozen=True, slots=True)
class _Result:
    run: str
    key: tuple[str, str]
    told: Mapping[str, Any]
    figures: Mapping[str, Any]
    less_is_better: Mapping[str, bool]
    settings: Mapping[str, Any]
    path: str = ""
    time: float | None = None
    step: int | None = None


def beside(folders: Mapping[str, Path], baseline: str = "") -> list[MeasuredTask]:
    """Tasks by name, and of each the runs in the order of `folders`; differences are to `baseline`, one of them.

    Reads every result of every run in full. What is damaged is left out.
    """
    groups: dict[tuple[str, str], list[_Result]] = {}
    for name, folder in folders.items():
        for result in (*_of_tasks(name, folder), *_held_out(name, folder)):
            groups.setdefault(result.key, []).append(result)
    return [_task(groups[key], list(folders), baseline) for key in sorted(groups)]


def _of_tasks(run: str, folder: Path) -> Iterator[_Result]:
    for kept in evaluations(folder):
        told = kept.result
        figures, settings, facts = (_mapping(told.get(name)) for name in ("figures", "settings", "facts"))
        alike = {name: value for name, value in settings.items() if name not in PLACES}
        key = kept.task, _text([facts.get("data") or settings.get("file"), alike])
        less = told.get("less_is_better")
        # A result of an older version says nothing of it.
        ways = {name: name in less for name in figures} if isinstance(less, list) else {}
        yield _Result(run, key, told, figures, ways, settings, kept.path, kept.time)


def _held_out(run: str, folder: Path) -> Iterator[_Result]:
    """What was measured last while a run trained."""
    logs = history(folder)
    names = [name for name in logs.names() if name.startswith(f"{HELD_OUT}/")]
    last = {name.partition("/")[2]: float(values[-1]) for name in names if len(values := logs.recent(name))}
    figures = {name: value for name, value in last.items() if name not in ITS_OWN}
    if not figures:
        return
    config = dict(flat(numbered(said_of(folder, logs)["config"])))
    key = HELD_OUT, _text({name: value for name, value in config.items() if name.startswith((_DATA, _OBJECTIVE))})
    data = {name: value for name, value in config.items() if name.startswith(_DATA)}
    yield _Result(run, key, {}, figures, _LESS_HELD_OUT, data, step=logs.last_step)


def _task(results: Sequence[_Result], runs: Sequence[str], baseline: str) -> MeasuredTask:
    newest = {result.run: result for result in results}
    names = dict.fromkeys(name for one in newest.values() for name in one.figures)
    ways = {name: way for one in newest.values() for name, way in one.less_is_better.items()}
    figures = [MeasuredFigure(name, ways.get(name)) for name in names]
    columns = [_column(figure, newest, baseline) for figure in figures]
    rows = [
        MeasuredRun(
            run, str(one.told.get("model") or ""), one.path, one.time, one.step,
            sum(result.run == run for result in results), [column.get(run) for column in columns],
        )
        for run, one in newest.items()
    ]  # fmt: skip
    settings = {name: value for name, value in results[0].settings.items() if value is not None}
    return MeasuredTask(results[0].key[0], settings, figures, rows, [run for run in runs if run not in newest])


def _column(figure: MeasuredFigure, newest: Mapping[str, _Result], baseline: str) -> dict[str, Cell]:
    """One figure of all runs that have it."""
    found = {run: _cell(one.figures.get(figure.name)) for run, one in newest.items()}
    cells = {run: cell for run, cell in found.items() if cell is not None}
    best = _best(figure, [cell.value for cell in cells.values()])
    base = cells.get(baseline)
    return {
        run: replace(
            cell,
            is_best=cell.value == best,
            against=_against(figure.name, (newest[run], cell), (newest[baseline], base))
            if base is not None and run != baseline
            else None,
        )
        for run, cell in cells.items()
    }


def _best(figure: MeasuredFigure, values: Sequence[float]) -> float | None:
    """The best of two or more; none where all are alike, or where it is not known which way is better."""
    known = [value for value in values if math.isfinite(value)]
    if figure.less_is_better is None or len(known) < 2 or min(known) == max(known):
        return None
    return min(known) if figure.less_is_better else max(known)


def _against(name: str, one: tuple[_Result, Cell], other: tuple[_Result, Cell]) -> Against:
    """One less the other, unit by unit where both tell of the same units."""
    mine, theirs = (units_of(result.told, name) for result, _ in (one, other))
    found = paired(name, *mine, *theirs) if mine is not None and theirs is not None else None
    if found is None:
        return Against(one[1].value - other[1].value)
    return Against(found.difference, found.low, found.high, found.n)


def _cell(figure: Any) -> Cell | None:
    value, more = value_of(figure), _mapping(figure)
    if value is None:
        return None
    low, high = (value_of(more.get(name)) for name in ("low", "high"))
    return Cell(value, low, high, n if isinstance(n := more.get("n"), int) else None)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)
