"""What a curve is drawn over besides its steps: tokens, time, operations, money or energy until each step."""

# n points

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from whet.base.errors import RunError
from whet.track.reading.read import History
from whet.track.recorded.machine import WRITER
from whet.track.recorded.machine_reading import COST, ENERGY

if TYPE_CHECKING:
    import numpy as np

STEP: Final = "step"


class Axis(Protocol):
    """How much of something, in `unit`, a run had come to at its steps."""

    @property
    def unit(self) -> str: ...

    def at(self, steps: np.ndarray) -> np.ndarray:
        """The amounts (n,) float64 at steps (n,)."""


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps themselves."""

    unit: str = "steps"

    def at(self, steps: np.ndarray) -> np.ndarray:
        return steps.astype(float)


@dataclass(frozen=True, slots=True)
class Amounts:
    """Amounts (n,) at steps (n,), both ascending; between them in proportion."""

    unit: str
    steps: np.ndarray
    amounts: np.ndarray

    def at(self, steps: np.ndarray) -> np.ndarray:
        import numpy as np

        return np.interp(steps, self.steps, self.amounts)


def axis(logs: History, kind: str) -> Axis:
    """An axis of AXES of a run. Raises RunError, with those that it has, where it does not tell."""
    found = AXES[kind](logs)
    if found is None:
        known = [name for name, build in AXES.items() if build(logs) is not None]
        hint = " or ".join(f"x={name}" for name in known)
        raise RunError(f"the run does not tell its {kind}", at=str(logs.folder.parent), hint=hint)
    return found


def _step(logs: History) -> Axis:
    return Steps()


def _time(logs: History) -> Axis | None:
    return _ascending("s", *logs.clock())


def _summed(name: str, unit: str) -> Callable[[History], Axis | None]:
    """What a curve of the run's speaker adds up to; a step's own share counts at it."""

    def build(logs: History) -> Axis | None:
        import numpy as np

        steps, totals = logs.totals(name)
        if not len(steps):
            return None
        return _ascending(unit, np.append((logs.first_step or 0) - 1, steps), np.append(0.0, totals))

    return build


def _metered(name: str, unit: str) -> Callable[[History], Axis | None]:
    """What the machines of a run have counted, each in a curve that starts anew with every attempt."""

    def build(logs: History) -> Axis | None:
        import numpy as np

        found = [_meter(logs, name, writer) for writer in logs.writers if writer.partition("-")[0] == WRITER]
        meters = [one for one in found if one is not None]
        if not meters:
            return None
        steps = np.unique(np.concatenate([one.steps for one in meters]))
        return Amounts(unit, steps, np.sum([one.at(steps) for one in meters], axis=0))

    return build


def _meter(logs: History, name: str, writer: str) -> Amounts | None:
    import numpy as np

    steps, amounts, before = [], [], 0.0
    for part in logs.points(name, writer):
        steps.append(part.steps)
        amounts.append(before + part.values)
        before += float(part.values[-1])
    return _ascending("", np.concatenate(steps), np.concatenate(amounts)) if steps else None


def _ascending(unit: str, steps: np.ndarray, amounts: np.ndarray) -> Amounts | None:
    """An axis whose steps and amounts never go back, whatever clocks did."""
    import numpy as np

    if not len(steps):
        return None
    order = np.argsort(steps, kind="stable")
    return Amounts(unit, steps[order], np.maximum.accumulate(np.nan_to_num(amounts[order])))


AXES: dict[str, Callable[[History], Axis | None]] = {
    STEP: _step, "tokens": _summed("tokens", "tokens"), "time": _time, "flops": _summed("flops", "FLOP"),
    "cost": _metered(COST, "money"), "energy": _metered(ENERGY, "J"),
}  # fmt: skip
