"""The training loop: everything that varies is a value built before it.

Records go out to sinks, which cannot answer; requests come in through Controls, once a step.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch

from whet.base.errors import OutOfMemory, is_out_of_memory
from whet.contracts.batch import Batch
from whet.contracts.executor import BROKEN, OVERFLOW, Executor
from whet.contracts.steps import Step, Stop
from whet.parallel.world import World
from whet.track.records import CheckpointRecord, Notice, Record, RunEnded, StepRecord
from whet.train.checkpoints.checkpoint import Checkpoints
from whet.train.measure.evaluation import Evaluation
from whet.train.record.recorder import Recorder
from whet.train.run.controls import Controls
from whet.train.run.progress import Progress
from whet.train.step.blame import Blame
from whet.train.step.flops import Effort
from whet.train.step.memory import peak_bytes
from whet.train.step.micro_batches import Dealer
from whet.train.step.phases import Phases
from whet.train.step.prefetch import Prefetch
from whet.train.step.watchdog import Watchdog

PAUSE = "pause"  # the phase in which ranks wait because somebody has asked for it
FLOPS = "flops"  # of this rank's batches; ranks add them up with their requests
UNSAVED = ("failed", "rolled_back")  # outcomes whose last step is not to be gone on from
WRITTEN = "written"  # how many ranks are done with the checkpoint under way


def in_general(tokens: int) -> str:
    """What takes less memory, where no plan knows by how much."""
    return "train.recompute=true, or a smaller train.micro_batch or data.max_length"


# What follows an alarm at a step, that is about so many steps up to it: how the attempt ends, and why.
OnAlarm = Callable[[int, int, str], tuple[str, str]]


@dataclass(frozen=True)
class Cadence:
    """Every how many steps something happens. A checkpoint also waits for `rest_s` seconds since the last one."""

    record: int
    checkpoint: int
    evaluate: int
    rest_s: float = 0.0
    writes_beside: bool = False  # checkpoints, while training goes on


@dataclass
class Loop:
    """A run that is ready to go. `run()` goes on from `progress` to the end or to a reason to stop."""

    world: World
    source: Prefetch
    dealer: Dealer
    executor: Executor
    schedule: Callable[[int, int], float]
    evaluation: Evaluation
    checkpoints: Checkpoints
    watchdog: Watchdog
    controls: Controls
    cadence: Cadence
    emit: Callable[[Record], None]
    effort: Effort
    phases: Phases = field(default_factory=Phases)
    on_alarm: OnAlarm | None = None  # None: training goes on
    left_out: Collection[int] = ()  # steps, from 1, whose batches are not learned from
    has_tokens: bool = True
    progress: Progress = field(default_factory=Progress)
    recorder: Recorder = field(default_factory=Recorder)
    blame: Blame = field(default_factory=Blame)
    heard: Callable[[], Sequence[str]] = tuple  # what is to be said of other ranks
    relief: Callable[[int], str] = in_general  # what takes less memory than so many tokens at once
    # What ends the attempt on all ranks, for one that takes so many tokens at once; with the reason.
    begin_anew: Callable[[int, str], OutOfMemory] = lambda tokens, words: OutOfMemory(words)
    _saved_at: float = field(default_factory=time.monotonic)
    _checkpoint_s: float = 0.0
    _stall_s: float = 0.0
    # The step of the checkpoint under way, and how long the loop stood still for it.
    _begun: tuple[int, float] = (0, 0.0)

    def step(self) -> int:
        """How many steps are done."""
        return self.progress.step

    def run(self) -> RunEnded:
        ended = None
        try:
            with self.controls.signals():
                self.recorder.begin(self.progress.step)
                while ended is None:
                    with self.phases.at("data"):
                        step = self.source.next(self.progress.step)
                    ended = self._finish(step) if isinstance(step, Stop) else self.advance(step)
        finally:
            self.controls.forget()
        self.emit(ended)
        return ended

    def advance(self, step: Step) -> RunEnded | None:
        """One optimizer step, and what is due after it."""
        if self.progress.step + 1 in self.left_out:
            return self._leave_out()
        began = time.perf_counter() - self.source.late_s
        batches = self.source.dealt(step, self.dealer)
        self.source.begin(self.progress.step + 1, self.dealer)
        self.phases.take()
        share = self.world.count("data") / self.world.count("all")  # of what ranks with the same samples compute
        own = {**self._requests(), FLOPS: self.effort.work.step(batches) * share}
        weights, requests = self.executor.weigh(batches, own)
        figures, batches = self._learn(step, batches, weights)
        # Broken weights end the run whatever the watchdog is set to: nothing that follows could mend them.
        fatal = self._broken() if figures.pop(BROKEN, 0) else None
        overflow = figures.pop(OVERFLOW, 0)
        alarm = None if fatal or overflow else self._alarm(figures)
        ended = self._failed(fatal) if fatal else self._answered(alarm) if alarm else None
        at, spent = self.progress.step + 1, self._spent(began, requests.pop(FLOPS))
        if ended is None:
            self.progress.step = at
            self.progress.tokens += self._tokens(step)
            self.progress.samples += len(step.lengths)
        if overflow:
            text = (
                f"gradients of a loss times {overflow:.0f} do not fit into fp16: nothing is updated, and it is halved"
            )
            self.emit(Notice(at, "info", text))
        self._record(step, at, figures, spent, alarm)
        self.recorder.step(at, step, batches)
        return ended or self._after(requests)

    def _answered(self, alarm: str) -> RunEnded | None:
        """How an alarm ends the attempt, if it does."""
        if self.on_alarm is None:
            return None
        self._settle_checkpoint()  # whoever looks for checkpoints finds all that were begun
        return self._end(*self.on_alarm(self.progress.step + 1, self.watchdog.num_odd, alarm))

    def _leave_out(self) -> RunEnded | None:
        """Pass over the batch of a step: only what is due after it is done."""
        self.source.begin(self.progress.step + 1, self.dealer)
        self.phases.take()
        _, requests = self.executor.weigh([], {**self._requests(), FLOPS: 0.0})
        self.progress.step += 1
        self.emit(Notice(self.progress.step, "info", f"the batch of step {self.progress.step} is left out"))
        return self._after(requests)

    def _alarm(self, figures: dict[str, float]) -> str | None:
        """What the watchdog says, and where a loss that is no number came from."""
        alarm = self.watchdog.look(figures["loss"], figures["grad_norm"])
        if alarm is None or math.isfinite(figures["grad_norm"] + figures["loss"]):
            return alarm
        told = self.blame.told(self.world)
        return f"{alarm}: {told}" if told else alarm

    def _broken(self) -> str | None:
        """Weights that are no numbers, if any: by the last update, which the next step sees, or from the beginning."""
        names = self.executor.broken()
        if not self.world.sums({"broken": len(names)}, "all")["broken"]:
            return None
        found = enumerate(self.world.gathered(names, "all"))
        told = [f"{len(own)} weights{self._on(rank)}, such as `{own[0]}`," for rank, own in found if own]
        which = told[0] if len(told) == 1 else f"{told[0]} and others on {len(told) - 1} more ranks"
        began = f"the update of step {self.progress.step} made" if self.progress.step else "the run began with"
        return f"{began} {which} infinite or undefined"

    def _on(self, rank: int) -> str:
        return f" on rank {rank}" if self.world.count("all") > 1 else ""

    def _learn(
        self, step: Step, batches: Sequence[Batch], weights: dict[str, float]
    ) -> tuple[dict[str, float], Sequence[Batch]]:
        """Update once. Out of memory, a lone rank halves its micro-batches and does the step again, and of several all
        begin anew with half as many: the gradient is the same."""
        factor = self.schedule(self.progress.step, self.source.total)
        try:
            return self.executor.step(self.progress.step, batches, weights, factor), batches
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            longest, tokens = max(step.lengths), self.dealer.capacity
            out = f"out of {'GPU ' if isinstance(error, torch.OutOfMemoryError) else ''}memory"
            fewer = max(longest, tokens // 2)
            if tokens <= longest or not self.dealer.splits:
                raise OutOfMemory(f"{out} with micro-batches of {tokens} tokens", hint=self.relief(tokens)) from error
            if self.world.count("all") > 1:  # the others wait within the step, and cannot be told
                at = f"{out} in step {self.progress.step + 1} with micro-batches of {tokens} tokens"
                raise self.begin_anew(fewer, f"{at}: they are now {fewer}") from error
        self.executor.abort()
        self.source.forget_batches()
        self.dealer.capacity = fewer
        text = f"{out}: micro-batches are now {fewer} tokens, and the step starts again; less memory with "
        self.emit(Notice(self.progress.step, "warning", text + self.relief(tokens)))
        return self._learn(step, self.source.dealt(step, self.dealer), weights)

    def _record(
        self, step: Step, at: int, figures: dict[str, float], spent: dict[str, float], alarm: str | None
    ) -> None:
        """Tell what step `at` gave, at the cadence; the one that ends a run always."""
        total = self.source.total
        if alarm:
            self.emit(Notice(at, "alarm", alarm))
        for text in step.warnings:
            self.emit(Notice(at, "warning", text))
        for text in self.heard():
            self.emit(Notice(at, "warning", text))
        figures = {**step.figures, **figures}
        if drift := self.watchdog.look_at_answers(figures):
            self.emit(Notice(at, "alarm", drift))
        if at % self.cadence.record == 0 or at == total or at > self.progress.step:
            tokens, samples, peak = self._tokens(step), len(step.lengths), peak_bytes(self.world.device)
            seconds = spent.pop("seconds")
            self.emit(StepRecord(at, total, figures, tokens, samples, seconds, peak, step.epoch, spent))

    def _spent(self, began: float, flops: float) -> dict[str, float]:
        """The `seconds` of the step, this rank's by what it did, and what all ranks computed in them."""
        seconds, source = time.perf_counter() - began, self.source
        own = {"data_s": source.data_s, "wait_s": source.wait_s, **self.phases.take()}
        own |= {"checkpoint_s": self._checkpoint_s, "record_s": self.recorder.take_seconds()}
        self._checkpoint_s = 0.0
        return {"seconds": seconds, **own, **self.effort.told(flops, seconds)}

    def _tokens(self, step: Step) -> int:
        return sum(step.lengths) if self.has_tokens else 0

    def _requests(self) -> dict[str, float]:
        """What the user asks, and the checkpoint that is due after this step: the leader's clock decides for all."""
        asked, at = self.controls.poll(), self.progress.step + 1
        has_rested = time.monotonic() - self._saved_at >= self.cadence.rest_s
        if self.world.is_writer and has_rested and at % self.cadence.checkpoint == 0 and at < self.source.total:
            asked["checkpoint"] = 1.0
        return {**asked, WRITTEN: float(self.checkpoints.has_written)}

    def _after(self, requests: dict[str, float]) -> RunEnded | None:
        self.source.settle()  # what follows may use what data is made with
        if requests[WRITTEN] == self.world.count("all"):
            self._settle_checkpoint()
        at, total = self.progress.step, self.source.total
        is_measured = at < total and at % self.cadence.evaluate == 0
        if (is_measured or requests["stop"] or requests["checkpoint"]) and (fatal := self._broken()):
            return self._failed(fatal)
        if is_measured:
            self._evaluate(at)
        if self.evaluation.is_exhausted:
            return self._end("early_stop", "what is held out has stopped improving")
        if requests["stop"]:
            return self._end("stopped", f"asked to stop after step {at}")
        if requests["checkpoint"]:
            self._checkpoint()
        if requests["pause"]:
            self._pause()
        return None

    def _failed(self, reason: str) -> RunEnded:
        return self._end("failed", f"{reason}; the last checkpoint is untouched")

    def _finish(self, stop: Stop) -> RunEnded:
        if fatal := self._broken():
            return self._failed(fatal)
        self._evaluate(self.progress.step)
        return self._end("done", stop.reason)

    def _evaluate(self, at: int) -> None:
        with self.phases.at("evaluation"):
            self.evaluation(at, self.emit)

    def _end(self, outcome: str, reason: str) -> RunEnded:
        self._settle_checkpoint()
        if outcome not in UNSAVED:
            self._save()
        return RunEnded(self.progress.step, outcome, reason)

    def _checkpoint(self) -> None:
        if not self.cadence.writes_beside:
            return self._save()
        self._settle_checkpoint()
        with self._saving():
            self.checkpoints.begin(self.progress.step)
        self._begun = self.progress.step, self._stall_s
        return None

    def _save(self) -> None:
        with self._saving():
            path = self.checkpoints.save(self.progress.step)
        if path is not None:
            self.emit(CheckpointRecord(self.progress.step, str(path), self._stall_s))

    def _settle_checkpoint(self) -> None:
        """Wait for the checkpoint under way, if there is one, and tell of it: training stood still while it was begun,
        and now."""
        if self.checkpoints.is_under_way:
            with self._saving():
                path = self.checkpoints.settle()
            step, stall_s = self._begun
            self.emit(CheckpointRecord(step, str(path), stall_s + self._stall_s))

    @contextmanager
    def _saving(self) -> Iterator[None]:
        began = time.perf_counter()
        with self.phases.at("checkpoint"):
            yield
        self._stall_s = time.perf_counter() - began
        self._checkpoint_s += self._stall_s
        self._saved_at = time.monotonic()

    def _pause(self) -> None:
        self.emit(Notice(self.progress.step, "info", "paused; remove the word `pause` from the run's controls file"))
        with self.phases.at(PAUSE):
            while self.world.agreed(bool(self.controls.poll()["pause"])):
                time.sleep(0.5)
