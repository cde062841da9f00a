"""`schedule-jump`: where a run was resumed, its learning rate does not go on from where it was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from whet.base.catalogue import diagnosis
from whet.base.settings import Fraction
from whet.track.diagnosis.finding import Figure, Finding, Message
from whet.track.diagnosis.recorded_run import RecordedRun

if TYPE_CHECKING:
    import numpy as np

_AROUND = 16


@diagnosis("schedule-jump")
def schedule_jump(run: RecordedRun, *, share: Fraction = 0.05) -> Iterator[Finding]:
    """The learning rate jumps where the run was resumed.

    share: jump, as part of the higher of both rates, from which on it is told
    """
    if run.rate is None:
        return
    for attempt, first in run.resumes():
        jump = _jump(run, run.rate, attempt, first)
        if jump is None or abs(jump[1] - jump[0]) <= share * max(abs(jump[0]), abs(jump[1])) + jump[2]:
            continue
        figures = [Figure("expected", jump[0], step=first), Figure(run.rate, jump[1], step=first)]
        figures.append(Figure("attempt", attempt))
        about = {"step": first, "attempt": attempt, "expected": jump[0], "rate": jump[1]}
        yield Finding(
            "warning", first, first, Message("schedule-jump", about), Message("schedule-jump.remedy"),
            _typed(run), run.view("charts", run.rate, **{"from": max(0, first - 50), "to": first + 50}),
            figures,
        )  # fmt: skip


def _typed(run: RecordedRun) -> str:
    """Where a training has its rate from; of a script what it forgot."""
    config = run.folder / "config.yaml"
    return f"grep -n -A2 lr {config}" if config.is_file() else 'scheduler.load_state_dict(checkpoint["scheduler"])'


def _jump(run: RecordedRun, name: str, attempt: int, first: int) -> tuple[float, float, float] | None:
    """The rate that was to be expected, the one that came, and how much it changes by itself meanwhile."""
    import numpy as np

    steps, rates = run.window(name, first - _AROUND, first + _AROUND)
    is_new = steps >= first
    if not is_new.any() or is_new.all():
        return None
    came_at, came = int(steps[is_new][0]), float(rates[is_new][0])
    for ghost in run.logs.ghosts(name):
        same = np.flatnonzero(ghost.steps == came_at)
        if ghost.attempt < attempt and len(same):  # the earlier attempt had been there
            return float(ghost.values[same[-1]]), came, 0.0
    old_steps, old = steps[~is_new], rates[~is_new]
    pace = max(_pace(old_steps, old), _pace(steps[is_new], rates[is_new]))
    return float(old[-1]), came, 1.5 * pace * (came_at - int(old_steps[-1]))


def _pace(steps: np.ndarray, rates: np.ndarray) -> float:
    """The largest change a step."""
    import numpy as np

    if len(steps) < 2:
        return 0.0
    return float(np.max(np.abs(np.diff(rates)) / np.maximum(np.diff(steps), 1)))
