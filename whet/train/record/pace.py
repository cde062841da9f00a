"""Pace: what the steps of an attempt took of time and memory in the median, for whoever compares them with a plan."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from whet.track.records import CheckpointRecord, Record, StepRecord
from whet.train.step.memory import peak_since

LATEST = 256  # steps that count
FIRST = 2  # steps after which memory is that of any other: the optimizer has its state


@dataclass(frozen=True, slots=True)
class Step:
    """Seconds of a step beside its update, those of the update, and its operations on all ranks."""

    compute_s: float
    update_s: float
    flops: float


@dataclass
class Pace:
    """Hears the records of an attempt on their way to the sinks. The first step, which warms up, does not count.

    `peak` is the most memory that was in use up to the last step before a checkpoint; None where none was told.
    """

    device: torch.device
    is_told: bool = False  # whether the peak of memory can be told
    peak: int | None = None
    _steps: deque[Step] = field(default_factory=lambda: deque(maxlen=LATEST))
    seen: int = 0  # steps
    _has_saved: bool = False

    def hearing(self, emit: Callable[[Record], None]) -> Callable[[Record], None]:
        """`emit`, heard."""

        def heard(record: Record) -> None:
            self._hear(record)
            emit(record)

        return heard

    def median(self) -> Step | None:
        """The median of what steps took; None where none is known."""
        if not self._steps:
            return None
        each = ((one.compute_s, one.update_s, one.flops) for one in self._steps)
        return Step(*(statistics.median(values) for values in zip(*each, strict=True)))

    def _hear(self, record: Record) -> None:
        if isinstance(record, CheckpointRecord):
            self._has_saved = self._has_saved or self.peak is not None
        if not isinstance(record, StepRecord):
            return
        self.seen += 1
        if self.is_told and record.step >= FIRST and not self._has_saved:
            self.peak = peak_since(self.device)
        parts = record.parts
        if self.seen > 1 and {"update_s", "flops"} <= set(parts):
            self._steps.append(Step(record.seconds - parts["update_s"], parts["update_s"], parts["flops"]))
