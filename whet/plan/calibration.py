"""What finished runs of this machine took beside what was planned: a local table, and what it says of the next one."""

from __future__ import annotations

import json
import math
import os
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from whet.base.units import figure, size
from whet.plan.hardware.cards import Card
from whet.plan.hardware.detected import HOST, processor

NAME = "calibration.jsonl"
LATEST = 12  # runs of a like that count; older ones were of other versions
FEWEST = 3  # runs that have to agree before a figure is moved
LIKE = 8.0  # runs of models, and of steps, that are so many times smaller or larger say nothing
# A run counts unless it is farther from the median than three standard deviations, told from the median distance
# (1.4826 times it is one, of a normal distribution), and than this share of the median.
_DEVIATIONS, _NEAR = 3 * 1.4826, 0.05
_MOST = 1e24


@dataclass(frozen=True, slots=True)
class Finished:
    """A run that ended, on a card (a processor by its own name). `planned_bytes` and `measured_bytes` are of a step
    beyond weights and the optimizer's state, `process_bytes` what the process held beside these before the first one.

    Of a step, in the median: `flops` that the devices computed together, in `compute_s` seconds beside `update_s`, in
    which each rank moved `moved_bytes`. 0 is what is not known.
    """

    card: str
    model_type: str
    planned_bytes: float
    measured_bytes: float
    parameters: float = 0.0
    numbers: str = ""
    mesh: str = ""
    process_bytes: float = 0.0
    devices: float = 1.0
    flops: float = 0.0
    compute_s: float = 0.0
    moved_bytes: float = 0.0
    update_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Usual:
    """The median of so many `runs` that agree, the range of these, and how many were too far off to count."""

    value: float
    runs: int
    low: float
    high: float
    left_out: int

    def __str__(self) -> str:
        out = f", {self.left_out} too far off to count" if self.left_out else ""
        return f"from {self.runs} runs on this card{out}"


@dataclass(frozen=True, slots=True)
class Rates:
    """Operations a second of a device, but for updates, in which a rank moves `bytes_per_s`."""

    flops_per_s: Usual
    bytes_per_s: Usual

    def words(self) -> str:
        """What is measured of time."""
        rates = self.flops_per_s
        middle, low, high = (figure(rate / 1e9) for rate in (rates.value, rates.low, rates.high))
        return f"measured, {middle} GFLOP/s ({low} to {high}) {rates}"


@dataclass(frozen=True, slots=True)
class Calibration:
    """What runs of one class of models of a like size have measured on a card: bytes of the `process`, times that
    `steps` of about so many bytes took of what was planned, and rates by how numbers are kept and by mesh."""

    process: Usual | None = None
    steps: Usual | None = None
    about_bytes: float = 0.0
    rates: Mapping[tuple[str, str], Rates] = field(default_factory=dict)

    def beyond(self, step_bytes: float) -> float | None:
        """Bytes beyond those that are planned of a step; None where no steps of a like size were measured."""
        if self.steps is None or not _is_like(step_bytes, self.about_bytes):
            return None
        return (self.steps.value - 1.0) * step_bytes

    def words(self) -> Iterator[str]:
        """What is measured of memory, in a line each."""
        if self.process is not None:
            yield f"the process itself takes {size(self.process.value)}, {self.process}"
        if self.steps is not None:
            spread = f"{figure(self.steps.low)} to {figure(self.steps.high)}"
            yield (
                f"beyond weights and state a step of about {size(self.about_bytes)} takes {figure(self.steps.value)} "
                f"times ({spread}) what is planned, {self.steps}"
            )


def note(run: Finished, folder: Path | None = None) -> None:
    """Add a run to the table in $WHET_CACHE, else ~/.cache/whet."""
    path = (folder or _cache()) / NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(run)) + "\n")


def finished(folder: Path | None = None) -> list[Finished]:
    """All runs of the table, the latest last. Lines that are none are passed over: it is advice, and may be cut off."""
    try:
        lines = ((folder or _cache()) / NAME).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return [run for line in lines if (run := _read(line)) is not None]


def calibrated(card: Card, model_type: str, parameters: float, folder: Path | None = None) -> Calibration | None:
    """What runs of this class of models, of a like size, say of the next one on the card; None where there are too few
    that agree."""
    name = table_name(card)
    runs = [
        run for run in finished(folder)
        if run.card == name and run.model_type == model_type and _is_like(run.parameters, parameters)
    ]  # fmt: skip
    latest = runs[-LATEST:]
    steps = usual(run.measured_bytes / run.planned_bytes for run in latest)
    about = statistics.median(run.planned_bytes for run in latest) if steps else 0.0
    process = usual(run.process_bytes for run in latest if run.process_bytes)
    rates = dict(_rates(runs))
    return Calibration(process, steps, about, rates) if steps or process or rates else None


def _rates(runs: Sequence[Finished]) -> Iterator[tuple[tuple[str, str], Rates]]:
    timed = [run for run in runs if run.flops and run.compute_s and run.moved_bytes and run.update_s]
    for numbers, mesh in dict.fromkeys((run.numbers, run.mesh) for run in timed):
        own = [run for run in timed if (run.numbers, run.mesh) == (numbers, mesh)][-LATEST:]
        flops = usual(run.flops / run.compute_s / run.devices for run in own)
        moved = usual(run.moved_bytes / run.update_s for run in own)
        if flops is not None and moved is not None:
            yield (numbers, mesh), Rates(flops, moved)


def usual(values: Iterable[float]) -> Usual | None:
    """The median of values that agree: of those that remain when what is far from the median is left out."""
    every = list(values)
    if len(every) < FEWEST:
        return None
    middle = statistics.median(every)
    spread = statistics.median(abs(value - middle) for value in every)
    near = [value for value in every if abs(value - middle) <= max(_DEVIATIONS * spread, _NEAR * abs(middle))]
    if len(near) < FEWEST:
        return None
    return Usual(statistics.median(near), len(near), min(near), max(near), len(every) - len(near))


def table_name(card: Card) -> str:
    """What the table calls a card: machines that share a folder may have other processors."""
    return processor() if card.name == HOST else card.name


def numbers_of(precision: str, quantize: str | None) -> str:
    """How a run keeps its numbers, which its speed depends on."""
    return f"{precision} {quantize}" if quantize else precision


def _is_like(one: float, other: float) -> bool:
    return one > 0 and other > 0 and max(one, other) <= LIKE * min(one, other)


def _read(line: str) -> Finished | None:
    try:
        told = json.loads(line)
        run = Finished(**{one.name: _value(told, one.name) for one in fields(Finished) if one.name in told})
    except (ValueError, KeyError, TypeError):
        return None
    return run if run.planned_bytes > 0 and run.measured_bytes > 0 and run.devices > 0 else None


def _value(told: Mapping[str, Any], name: str) -> Any:
    """Raises ValueError for a number that no run can have."""
    if name in ("card", "model_type", "numbers", "mesh"):
        return str(told[name])
    value = float(told[name])
    if not (math.isfinite(value) and 0 <= value < _MOST):
        raise ValueError(name)
    return value


def _cache() -> Path:
    return Path(os.environ.get("WHET_CACHE") or "~/.cache/whet").expanduser()
