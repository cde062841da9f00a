"""plan.json in a run's folder: the memory that was planned, by component, and beside it what was measured."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from whet.models.forward.backbone import unwrapped
from whet.plan.calibration import Compared, note
from whet.plan.hardware.detected import detected
from whet.plan.timeline import Moment
from whet.plan.tracing.live import storages
from whet.train.setup.trained import Trained
from whet.train.step.memory import begin_peak, peak_since, used_bytes

NAME = "plan.json"
# Components that are told apart; all else is what comes and goes within a step.
_HELD = ("weights", "optimizer")
_SMALLEST = 64 << 20  # bytes: what libraries and Python keep weighs more than a smaller step


@dataclass(frozen=True, slots=True)
class PlanFile:
    """Of this rank: the `planned` moment of the peak; bytes in use before the first step (`began`, None where a peak
    cannot be told), and how many of them the optimizer had, of a run that goes on (`had`); `why`, by setting, what was
    `auto` is what it is."""

    path: Path
    trained: Trained
    planned: Moment | None
    began: int | None
    had: float
    why: Mapping[str, str]

    @classmethod
    def of(cls, folder: Path, trained: Trained, planned: Moment | None, why: Mapping[str, str]) -> PlanFile:
        """Before the first step, with the weights in place."""
        device = trained.world.device
        began = used_bytes(device) if begin_peak(device) else None
        made = cls(folder / NAME, trained, planned, began, _state_bytes(trained), why)
        made._write(None)
        return made

    def settle(self, steps: int) -> None:
        """After the last step: write what was measured, and add it to the table of this machine."""
        if steps < 2 or not self.trained.world.is_writer:  # before there is state, the peak is not that of a step
            return
        measured = dict(self._measured())
        self._write(measured)
        planned = 0.0 if self.planned is None else _parts(self.planned)["step"]
        if planned > _SMALLEST and measured["step"]:
            with suppress(OSError):  # a table that cannot be kept is no reason for a run to fail
                config: Any = unwrapped(self.trained.loaded.module).config
                note(Compared(detected()[0].name, config.model_type, planned, measured["step"]))

    def _measured(self) -> Iterator[tuple[str, float | None]]:
        """Bytes on this rank's device. None of what cannot be told: of a step that takes less than the process has let
        go of meanwhile nothing is seen."""
        trained, state = self.trained, _state_bytes(self.trained)
        yield "weights", _bytes(trained.loaded.module.parameters(), trained.world.device)
        yield "optimizer", state
        if self.began is None:
            yield from (("step", None), ("peak", None))
            return
        peak = peak_since(trained.world.device)
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
    held = {name: moment.parts.get(name, 0.0) for name in _HELD}
    return {**held, "step": moment.total - sum(held.values()) - moment.parts.get("overhead", 0.0)}


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
