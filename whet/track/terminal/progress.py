"""Progress: what the last records say about where a run stands, in words."""

from __future__ import annotations

from collections import deque

from whet.base.units import duration, figure, size
from whet.track.records import (
    CheckpointRecord,
    EvaluationRecord,
    GenerationRecord,
    Notice,
    Record,
    RunEnded,
    RunStarted,
    StepRecord,
)

# The rate for the remaining time is taken over this many last steps, evaluations and checkpoints included.
_RATE_STEPS = 100
# Where answers are rewarded the loss is about 0, and of preferences the accuracy says more.
_NAMED = ("loss", "reward", "accuracy", "lr", "grad_norm")


class Progress:
    """The latest step and evaluation, and the pace."""

    def __init__(self) -> None:
        self.step = 0
        self.total = 0
        self.scalars: dict[str, float] = {}
        self.planned_bytes = 0  # as a plan said when the run started; 0 where none did
        self.evaluation: tuple[int, dict[str, float]] | None = None
        self._pace: deque[tuple[float, int]] = deque(maxlen=_RATE_STEPS)

    def take(self, record: Record, now: float) -> None:
        """Note a record that arrived at `now` seconds."""
        if isinstance(record, RunStarted | StepRecord):
            self.step, self.total = record.step, record.total
            self._pace.append((now, record.step))
        if isinstance(record, RunStarted):
            planned = record.facts.get("planned_bytes")
            self.planned_bytes = planned if isinstance(planned, int) else 0
        if isinstance(record, StepRecord):
            self.scalars = record.scalars()
        if isinstance(record, EvaluationRecord):
            self.evaluation = record.step, record.scalars()

    @property
    def remaining_s(self) -> float | None:
        """Seconds to the end at the recent pace, once there is one."""
        if not self._pace or self._pace[-1][1] <= self._pace[0][1]:
            return None
        (start, first), (now, last) = self._pace[0], self._pace[-1]
        return (now - start) / (last - first) * max(0, self.total - last)

    def figures(self) -> list[str]:
        """Loss, what is to rise, learning rate, gradient norm, speed and memory, as far as they are known."""
        known = [f"{name} {figure(self.scalars[name])}" for name in _NAMED if name in self.scalars]
        for unit in ("tokens", "samples"):
            if rate := self.scalars.get(f"{unit}_per_s"):
                known.append(f"{figure(rate)} {unit}/s")
        if self.scalars.get("peak_bytes"):
            planned = f" of {size(self.planned_bytes)} planned" if self.planned_bytes else ""
            known.append(size(self.scalars["peak_bytes"]) + planned)
        return known

    def line(self) -> str:
        """All of it in one line."""
        left = [] if self.remaining_s is None else [f"{duration(self.remaining_s)} left"]
        return "  ".join([f"step {self.step}/{self.total}", *self.figures(), *left])


def describe(record: Record) -> str:
    """A record that is no step, in one line (a generation in two)."""
    match record:
        case RunStarted():
            text = f"starts at step {record.step} of {record.total}"
        case EvaluationRecord():
            text = measured(record.scalars())
        case GenerationRecord():
            text = f"{printable(record.prompt)}\n  -> {printable(record.text)}"
        case CheckpointRecord():
            text = f"checkpoint {record.path} in {duration(record.seconds)}"
        case Notice():
            text = f"{record.level}: {record.text}"
        case RunEnded():
            text = f"{record.outcome}: {record.reason}".removesuffix(": ")
        case _:
            text = record.kind
    return f"step {record.step}  {text}"


def measured(scalars: dict[str, float]) -> str:
    """Names and figures side by side."""
    return "  ".join(f"{name} {figure(value)}" for name, value in scalars.items())


def printable(text: str) -> str:
    """One line; a model's output must not reach the terminal with its control characters."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
