"""Prefetch: the next step is fetched and dealt in a thread while the present one is learned from."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import torch

from whet.contracts.batch import Batch
from whet.contracts.steps import Step, StepSource, Stop

Deal = Callable[[Step], list[Batch]]


@dataclass(frozen=True, slots=True)
class _Made:
    """A step, its batches where it has any, and how long both took."""

    step: Step | Stop
    batches: Sequence[Batch]
    seconds: float


class Prefetch:
    """The steps of `source`, and their batches (contract: `whet.contracts.steps.StepSource`).

    One step at a time is made ahead, and only where the source depends on nothing that a step changes. The state is
    that of the steps given out: what is on its way is made again by a run that resumes. What goes wrong in the thread
    is raised when its step is asked for. On a GPU the batches lie in memory that it copies from while it computes.
    """

    def __init__(self, source: StepSource, device: torch.device) -> None:
        self._source, self._pins = source, device.type == "cuda"
        self._ahead: tuple[int, Future[_Made]] | None = None
        self._before: dict[str, Any] = {}
        self._ready: _Made | None = None
        self.data_s = self.wait_s = self.late_s = 0.0

    @property
    def total(self) -> int:
        return self._source.total

    @property
    def can_prefetch(self) -> bool:
        return self._source.can_prefetch

    def next(self, step: int) -> Step | Stop:
        """The step of this number; they are given out in order.

        From now on `data_s` is what making it took, `wait_s` how long the loop waited for that, and `late_s` the part
        of it that a step made ahead was late.
        """
        began = time.perf_counter()
        self.data_s = self.wait_s = self.late_s = 0.0
        if self._ahead is None:
            found = self._source.next(step)
            self.data_s = self.wait_s = time.perf_counter() - began
            return found
        number, future = self._ahead
        made = future.result()
        self._ahead = None
        if number != step:  # asked for out of order, which the source refuses
            return self._source.next(step)
        self._ready, self.data_s = made, made.seconds
        self.wait_s = self.late_s = time.perf_counter() - began
        return made.step

    def dealt(self, step: Step, deal: Deal) -> Sequence[Batch]:
        """The step's batches: those made ahead, or dealt now."""
        made, self._ready = self._ready, None
        if made is not None and made.step is step and made.batches:
            return made.batches
        began = time.perf_counter()
        batches = self._dealt(step, deal)
        seconds = time.perf_counter() - began
        self.data_s, self.wait_s = self.data_s + seconds, self.wait_s + seconds
        return batches

    def begin(self, step: int, deal: Deal) -> None:
        """Make the step of this number in a thread, if the source allows."""
        if not self._source.can_prefetch or step >= self.total or self._ahead is not None:
            return
        self._before = self._source.state_dict()
        future: Future[_Made] = Future()
        self._ahead = step, future
        threading.Thread(target=self._make, args=(step, deal, future), name=f"whet-data-{step}", daemon=True).start()

    def settle(self) -> None:
        """Wait until what is on its way is there, or has failed, which is raised when it is asked for."""
        if self._ahead is not None:
            self._ahead[1].exception()

    def forget_batches(self) -> None:
        """Deal the step that is on its way anew once it is asked for: the size of micro-batches has changed."""
        if self._ahead is not None:
            number, future = self._ahead
            anew: Future[_Made] = Future()
            try:
                made = future.result()
                anew.set_result(_Made(made.step, (), made.seconds))
            except Exception as error:
                anew.set_exception(error)
            self._ahead = number, anew

    def state_dict(self) -> dict[str, Any]:
        return self._source.state_dict() if self._ahead is None else self._before

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.settle()
        self._ahead = self._ready = None
        self._source.load_state_dict(state)

    def _make(self, number: int, deal: Deal, future: Future[_Made]) -> None:
        began = time.perf_counter()
        try:
            step = self._source.next(number)
            batches = () if isinstance(step, Stop) else self._dealt(step, deal)
            future.set_result(_Made(step, batches, time.perf_counter() - began))
        except BaseException as error:  # told in the thread that waits for it
            future.set_exception(error)

    def _dealt(self, step: Step, deal: Deal) -> Sequence[Batch]:
        batches = deal(step)
        return [batch.pinned() for batch in batches] if self._pins else batches
