"""plan.json in a run's folder: the memory that was planned, by component, and beside it what was measured."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from whet.base.errors import WhetError
from whet.plan.calibration import Finished, note, numbers_of, table_name
from whet.plan.hardware.detected import detected_for
from whet.plan.job import Job
from whet.plan.speed import devices, job_update, moved_bytes, recomputed
from whet.plan.timeline import HELD, Moment
from whet.plan.tracing.live import storages
from whet.track.records import Record, StepRecord
from whet.train.record.pace import FIRST, Pace
from whet.train.setup.trained import Trained
from whet.train.step.memory import begin_peak, peak_since, unused_bytes, used_bytes

NAME = "plan.json"
_SMALLEST = 64 << 20  # bytes: what libraries and Python keep weighs more than a smaller step


@dataclass(frozen=True, slots=True)
class PlanFile:
    """Of this rank: the `job` as formulas see it and the `planned` moment of its peak; bytes in use before the first
    step (`began`, None where a peak cannot be told), and how many of them the optimizer had, of a run that goes on
    (`had`); `why`, by setting, what was `auto` is what it is; the `pace` of the steps."""

    path: Path
    trained: Trained
    job: Job | None
    planned: Moment | None
    began: int | None
    had: float
    why: Mapping[str, str]
    pace: Pace

    @classmethod
    def of(cls, folder: Path, trained: Trained, known: tuple[Job, Moment] | None, why: Mapping[str, str]) -> PlanFile:
        """Before the first step, with the weights in place; `known` is what formulas tell."""
        device = trained.world.device
        began = used_bytes(device) if begin_peak(device) else None
        job, planned = known or (None, None)
        pace = Pace(device, began is not None)
        made = cls(folder / NAME, trained, job, planned, began, _state_bytes(trained), why, pace)
        made._write(None)
        return made

    def hearing(self, emit: Callable[[Record], None]) -> Callable[[Record], None]:
        """`emit`, heard: what was measured is written while the run goes on too, ever less often, for whoever looks at
        it and for a run that is killed."""
        told = self.pace.hearing(emit)

        def heard(record: Record) -> None:
            told(record)
            is_due = isinstance(record, StepRecord) and record.step >= FIRST and self.pace.seen.bit_count() == 1
            if is_due and self.trained.world.is_writer:
                self._write(dict(self._measured()))

        return heard

    def settle(self, steps: int) -> None:
        """After the last step: write what was measured, and add it to the table of this machine."""
        if steps < FIRST or not self.trained.world.is_writer:  # before there is state, the peak is not that of a step
            return
        measured = dict(self._measured())
        self._write(measured)
        if self.job is not None and self.planned is not None and measured["step"]:
            planned = _parts(self.planned)["step"]
            if planned > _SMALLEST:
                with suppress(OSError, WhetError):  # a table that cannot be kept is no reason for a run to fail
                    note(self._finished(self.job, planned, measured["step"]))

    def _finished(self, job: Job, planned: float, step: float) -> Finished:
        """The run for the table of this machine."""
        device = self.trained.world.device
        took, known = self.pace.median(), {}
        if took is not None:
            known = {
                "flops": took.flops * recomputed(job), "compute_s": took.compute_s, "update_s": took.update_s,
                "moved_bytes": moved_bytes(job),
            }  # fmt: skip
        process = 0.0
        if device.type == "cpu" and self.began is not None:  # a driver's own is not told by process
            process = max(0.0, self.began - self.had - _bytes(_weights(self.trained), device))
        return Finished(
            table_name(detected_for(device.type)), job.model.architecture.model_type, planned,
            step + unused_bytes(device), job.model.num_parameters, numbers_of(job.precision, job.quantize),
            str(job.mesh), job_update(job), process, devices(job), **known,
        )  # fmt: skip

    def _measured(self) -> Iterator[tuple[str, float | None]]:
        """Bytes on this rank's device. None of what cannot be told: of a step that takes less than the process has let
        go of meanwhile nothing is seen."""
        trained, state = self.trained, _state_bytes(self.trained)
        yield "weights", _bytes(_weights(trained), trained.world.device)
        yield "optimizer", state
        if self.began is None:
            yield from (("step", None), ("peak", None))
            return
        peak = peak_since(trained.world.device) if self.pace.peak is None else self.pace.peak
        step = peak - self.began - (state - self.had)
        yield from (("step", step if step > 0 else None), ("peak", peak))

    def _write(self, measured: Mapping[str, float | None] | None) -> None:
        if not self.trained.world.is_writer:
            return
        peak = self.planned
        planned = None if peak is None else {**_parts(peak), "peak": peak.total}
        told = {
            "planned": planned, "components": None if peak is None else dict(peak.parts),
            "moment": None if peak is None else str(peak), "measured": measured, "why": dict(self.why),
        }  # fmt: skip
        with suppress(OSError):  # a full disk is told of by what cannot do without
            self.path.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def _parts(moment: Moment) -> dict[str, float]:
    """Weights, state, and `step`: what else there is while the step is computed, but for the process itself."""
    held = {name: moment.parts.get(name, 0.0) for name in HELD}
    return {**held, "step": moment.total - sum(held.values()) - moment.parts.get("overhead", 0.0)}


def _weights(trained: Trained) -> Iterable[torch.Tensor]:
    return trained.loaded.module.parameters()


def _state_bytes(trained: Trained) -> float:
    """What the optimizer has on the device."""
    return _bytes(
        (value for state in trained.optimizer.state.values() for value in state.values()), trained.world.device
    )


def _bytes(values: Iterable[Any], device: torch.device) -> float:
    """Of the tensors among these whose memory is of that kind of device."""
    tensors = [value for value in values if isinstance(value, torch.Tensor)]
    here = {one._cdata: one.nbytes() for one in storages(tensors) if one.device.type == device.type}
    return float(sum(here.values()))
