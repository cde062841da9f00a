"""Held-out loss and sample answers at a cadence, and early stop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

from whet.contracts.records import EvaluationRecord, GenerationRecord, Record
from whet.contracts.steps import Step
from whet.train.deal import Dealer
from whet.train.executor import Executor

Answer = Callable[[Sequence[str]], list[str]]


class Evaluation:
    """Measures the held-out samples (as one long step) and answers the prompts.

    The state counts evaluations without improvement, so that early stop survives a restart.
    """

    def __init__(
        self,
        held_out: Step | None,
        dealer: Dealer,
        executor: Executor,
        prompts: Sequence[str] = (),
        answer: Answer | None = None,
        patience: int | None = None,
    ) -> None:
        self._held_out, self._dealer, self._executor = held_out, dealer, executor
        self._prompts, self._answer, self._patience = prompts, answer, patience
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
            metrics = self._measure(self._held_out)
            emit(EvaluationRecord(step, metrics, time.perf_counter() - began))
            self._note(metrics["loss"])
        if self._answer is not None and self._prompts:
            for prompt, text in zip(self._prompts, self._answer(self._prompts), strict=True):
                emit(GenerationRecord(step, prompt, text))

    def _measure(self, held_out: Step) -> dict[str, float]:
        batches = self._dealer(held_out)
        weights, _ = self._executor.weigh(batches, {})
        figures = self._executor.measure(batches, weights)
        is_nll = getattr(self._executor.objective, "is_nll", False)
        return figures | ({"perplexity": math.exp(min(figures["loss"], 700.0))} if is_nll else {})

    def _note(self, loss: float) -> None:
        self._worse = 0 if loss < self._best else self._worse + 1
        self._best = min(self._best, loss)

    def state_dict(self) -> dict[str, Any]:
        return {
            "best": self._best if math.isfinite(self._best) else None,
            "worse": self._worse,
            "measured": self._measured,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._best = math.inf if state["best"] is None else state["best"]
        self._worse, self._measured = state["worse"], state["measured"]
