"""Evaluations of many runs as text for terminals: a table a task, a line a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from whet.base.units import figure
from whet.track.recorded.measured import Cell, MeasuredRun, MeasuredTask
from whet.track.registry.evaluations import HELD_OUT
from whet.track.terminal.progress import printable
from whet.track.terminal.terminal_page import align, cell

_NOTHING = "nothing was measured yet: `whet evaluate RUN --task TASK`"


def evaluations_beside(tasks: Sequence[MeasuredTask], baseline: str) -> str:
    """Figures with their 95 % intervals, `*` at the best; with a baseline, how far each lies from it."""
    return "\n\n".join(_task(one, baseline) for one in tasks) or _NOTHING


def _task(found: MeasuredTask, baseline: str) -> str:
    names = [printable(one.name) for one in found.figures]
    head = ("RUN", "MODEL", *(part for name in names for part in _head(name, baseline)))
    lines = [_line(row, baseline) for row in found.rows]
    about = [f"{name}={printable(str(value))}" for name, value in found.settings.items() if name.endswith("file")]
    rest = [f"not measured: {', '.join(map(printable, found.missing))}"] if found.missing else []
    title = "while training" if found.task == HELD_OUT else printable(found.task)
    return "\n".join([" ".join([title, *about]), align([head, *lines]), *rest])


def _head(name: str, baseline: str) -> tuple[str, ...]:
    return (name, f"{name} - {printable(baseline)}") if baseline else (name,)


def _line(row: MeasuredRun, baseline: str) -> tuple[str, ...]:
    model = PurePath(row.model).name if row.path else f"step {row.step}"
    return (cell(row.run), cell(model), *(part for one in row.cells for part in _cells(one, baseline)))


def _cells(found: Cell | None, baseline: str) -> tuple[str, ...]:
    if found is None:
        return ("-", "-") if baseline else ("-",)
    value = f"{figure(found.value)}{'*' * found.is_best}{_interval(found.low, found.high)}"
    if not baseline:
        return (value,)
    if found.against is None:
        return value, "-"
    return value, f"{found.against.difference:+.4g}{_interval(found.against.low, found.against.high)}"


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f" ({figure(low)} to {figure(high)})"
