"""Recorder: told of each step by the loop, it writes down the step's rows, now and then tokens, state and layers.

It answers nothing, changes no number, and what it cannot write ends no training. Each rank has its own files.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from whet.contracts.batch import Batch
from whet.contracts.steps import Step, StepSource
from whet.track.logs import frames
from whet.track.logs.event_log import EventLog
from whet.track.logs.frames import rank_writer
from whet.track.recorded.rollouts_reading import KIND as ROLLOUT
from whet.track.recorded.rollouts_reading import WRITER
from whet.track.recorded.rows import RowsLog
from whet.train.record.batch_rows import BatchRows, is_dummy, joined, rows_of_batch, tokens_of_sequence
from whet.train.record.layers import LayerStatistics
from whet.train.record.state import state_digests
from whet.train.step.losses import PartsRead, StepLosses

STATE = "state"
# Steps that may wait to be written down before the next one waits for them.
_MOST_WAITING = 8
_Told = tuple[int, float, Sequence[Batch], Sequence[PartsRead | None]]


class Observer(Protocol):
    """One thing that is recorded of steps."""

    def begin(self, at: int) -> None:
        """The loop begins, `at` steps are done."""
        ...

    def step(self, at: int, step: Step, batches: Sequence[Batch], parts: Sequence[PartsRead | None]) -> None:
        """Step `at` (from 1) was learned from these micro-batches of this rank."""
        ...

    def close(self) -> None: ...


class Recorder:
    """Tells its observers. `seconds` is what they took since it was last asked."""

    def __init__(self, observers: Sequence[Observer] = (), losses: StepLosses | None = None) -> None:
        self._observers, self._losses, self._seconds = list(observers), losses, 0.0

    def begin(self, at: int) -> None:
        """The loop begins, `at` steps are done."""
        for one in self._observers:
            one.begin(at)

    def step(self, at: int, step: Step, batches: Sequence[Batch]) -> None:
        """Step `at` (from 1) was learned from these micro-batches of this rank."""
        began = time.perf_counter()
        parts = self._losses.take() if self._losses is not None else []
        parts = parts if len(parts) == len(batches) else [None] * len(batches)
        for one in self._observers:
            one.step(at, step, batches, parts)
        self._seconds += time.perf_counter() - began

    def take_seconds(self) -> float:
        """What recording took since this was last asked."""
        seconds, self._seconds = self._seconds, 0.0
        return seconds

    def close(self) -> None:
        for one in self._observers:
            one.close()


class Rows:
    """Writes the rows of every step, and at every `tokens_every`-th (0: never) the tokens of `num_rows` of them.

    A thread does it, while the next step is computed; `close` waits for it. A kill loses the step that it is at.
    """

    def __init__(self, folder: Path, rank: int, tokens_every: int, num_rows: int) -> None:
        self._log = RowsLog(folder, rank_writer(rank))
        self._tokens_every, self._num_rows = tokens_every, num_rows
        self._left: queue.Queue[_Told | None] = queue.Queue(_MOST_WAITING)
        self._thread = threading.Thread(target=self._run, name="whet rows", daemon=True)
        self._thread.start()

    def begin(self, at: int) -> None:
        pass

    def step(self, at: int, step: Step, batches: Sequence[Batch], parts: Sequence[PartsRead | None]) -> None:
        self._left.put((at, step.epoch, batches, parts))

    def close(self) -> None:
        self._left.put(None)
        self._thread.join()
        self._log.close()

    def _run(self) -> None:
        while (told := self._left.get()) is not None:
            try:
                self._write(*told)
            except Exception as error:  # a kind of batch that has no such rows: training goes on
                self._log.drop(error)

    def _write(self, at: int, epoch: float, batches: Sequence[Batch], parts: Sequence[PartsRead | None]) -> None:
        real = [one for one in zip(batches, parts, strict=True) if not is_dummy(one[0])]
        if not real:
            return
        whole = _numbered(real)
        self._log.add(at, epoch, whole.sources, whole.columns)
        if self._tokens_every and (at == 1 or at % self._tokens_every == 0):
            self._tokens(at, real)

    def _tokens(self, at: int, batches: Sequence[tuple[Batch, PartsRead | None]]) -> None:
        """Of the step's rows those in even distances, whichever micro-batches they are in."""
        told = [(batch, i, p) for batch, p in batches if p and p.of == "token" for i in range(batch.num_samples)]
        for place in np.linspace(0, len(told) - 1, min(self._num_rows, len(told))).round().astype(int):
            batch, index, parts = told[place]
            origin = batch.origins[index] if index < len(batch.origins) else None
            where = ("", 0, 0) if origin is None else (origin.source, origin.row, origin.part)
            self._log.add_tokens(at, where, tokens_of_sequence(batch, index, parts.values))


def record_held_out(folder: Path, rank: int, batches: Sequence[Batch]) -> None:
    """Write down which rows of a rank are measured: a file of the same form, of one step 0 without losses."""
    log = RowsLog(folder, rank_writer(rank), frames.HELD_OUT_FILE)
    try:
        real = [(batch, None) for batch in batches if not is_dummy(batch)]
        if real:
            whole = _numbered(real)
            log.add(0, 0.0, whole.sources, whole.columns)
    except Exception as error:  # a kind of batch that has no such rows: the evaluation goes on
        log.drop(error)
    log.close()


def _numbered(batches: Sequence[tuple[Batch, PartsRead | None]]) -> BatchRows:
    """The rows of micro-batches, whose samples are numbered through."""
    found, first = [], 0
    for number, (batch, told) in enumerate(batches):
        found.append(rows_of_batch(batch, number, first, told))
        first = int(found[-1].columns["sample"].max()) + 1
    return joined(found)


@dataclass
class State:
    """Writes digests of the run's state at its start and after every `every`-th step."""

    log: EventLog
    module: torch.nn.Module
    source: StepSource
    device: torch.device
    every: int

    def begin(self, at: int) -> None:
        self._write(at)

    def step(self, at: int, step: Step, batches: Sequence[Batch], parts: Sequence[PartsRead | None]) -> None:
        if at % self.every == 0:
            self._write(at)

    def close(self) -> None:
        self.log.close("done", "")

    def _write(self, at: int) -> None:
        try:
            self.log.event(STATE, at, state_digests(self.module, self.source, self.device))
        except Exception as error:  # a kind of weight or state that has no digest: training goes on
            self.log.drop(error)


@dataclass
class Layers:
    """Writes what was seen of the layers."""

    log: EventLog
    statistics: LayerStatistics

    def begin(self, at: int) -> None:
        pass

    def step(self, at: int, step: Step, batches: Sequence[Batch], parts: Sequence[PartsRead | None]) -> None:
        if found := self.statistics.take():
            self.log.scalars(at, found)

    def close(self) -> None:
        self.log.close("done", "")


class Answers:
    """Writes what the model answered to the first `num` prompts of each rollout, once a step learns from it."""

    def __init__(self, logs: Path, num: int) -> None:
        self._logs, self._num = logs, num
        self._log: EventLog | None = None

    def begin(self, at: int) -> None:
        pass

    def step(self, at: int, step: Step, batches: Sequence[Batch], parts: Sequence[PartsRead | None]) -> None:
        if step.answers is None:
            return
        self._log = self._log or EventLog(self._logs, WRITER)
        try:
            self._log.event(ROLLOUT, at, {"prompts": step.answers(self._num)})
        except Exception as error:  # what somebody's tool or prompt is made of: training goes on
            self._log.drop(error)

    def close(self) -> None:
        if self._log is not None:
            self._log.close("done", "")
