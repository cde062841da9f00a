"""Held-out figures and sample answers at a cadence, and early stop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

from whet.base.rounding import slack
from whet.track.records import EvaluationRecord, GenerationRecord, Notice, Record
from whet.train.measure.held_out import HeldOut

Answer = Callable[[Sequence[str]], list[str]]


class Evaluation:
    """Measures what is held out and answers the prompts.

    The state counts evaluations without improvement, so that early stop survives a restart.
    """

    def __init__(
        self,
        held_out: HeldOut | None,
        prompts: Sequence[str] = (),
        answer: Answer | None = None,
        patience: int | None = None,
    ) -> None:
        self._held_out, self._prompts, self._answer, self._patience = held_out, prompts, answer, patience
        self._best, self._worse, self._measured = math.inf, 0, -1

    @property
    def is_exhausted(self) -> bool:
        """Whether early stop is due."""
        return self._patience is not None and self._worse >= self._patience

    def __call__(self, step: int, emit: Callable[[Record], None]) -> None:
        """Measure and answer once a step, however often it is asked."""
        if step == self._measured:
            return
        self._measured = step
        if self._held_out is not None:
            began = time.perf_counter()
            metrics = self._held_out()
            emit(EvaluationRecord(step, metrics, time.perf_counter() - began))
            for text in self._held_out.warnings():
                emit(Notice(step, "warning", f"while measuring: {text}"))
            self._note(self._held_out.sign * metrics[self._held_out.figure])
        if self._answer is not None and self._prompts:
            for prompt, text in zip(self._prompts, self._answer(self._prompts), strict=True):
                emit(GenerationRecord(step, prompt, text))

    def _note(self, cost: float) -> None:
        """What is not a number is no improvement, nor is the rounding of a reward's mean."""
        least = slack([self._best]) if self._held_out is not None and self._held_out.sign < 0 else 0.0
        self._worse = 0 if cost < self._best - least else self._worse + 1
        self._best = cost if cost < self._best else self._best

    def state_dict(self) -> dict[str, Any]:
        return {
            "best": self._best if math.isfinite(self._best) else None,
            "worse": self._worse,
            "measured": self._measured,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._best = math.inf if state["best"] is None else state["best"]
        self._worse, self._measured = state["worse"], state["measured"]
