"""What finished runs of this machine took beside what was planned: a local table, and what it says of the next one."""

from __future__ import annotations

import json
import math
import os
import statistics
from collections.abc import Iterable, Iterator, Mapping
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
# (1.4826 times it is one, of a normal distribution), and than this share of the median: of bytes, and of times, which
# what else a machine does moves.
_DEVIATIONS, _NEAR, _NEAR_TIMES = 3 * 1.4826, 0.05, 0.25
_MOST = 1e24


@dataclass(frozen=True, slots=True)
class Finished:
    """A run that ended, on a card (a processor by its own name). `planned_bytes` and `measured_bytes` are of a step
    beyond weights and the optimizer's state, `process_bytes` what the process held beside these before the first one.
    `numbers` says how it kept its numbers, and `update` what updated which weights, on both of which speed depends.

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
    update: str = ""
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
class Calibration:
    """What runs of one class of models of a like size have measured on a card: bytes of the `process`, times that
    `steps` of about so many bytes took of what was planned, `rates` of a device in operations a second, by how numbers
    are kept and by mesh, and bytes a second that `updates` move on a rank, by what they are of and by mesh."""

    process: Usual | None = None
    steps: Usual | None = None
    about_bytes: float = 0.0
    rates: Mapping[tuple[str, str], Usual] = field(default_factory=dict)
    updates: Mapping[tuple[str, str], Usual] = field(default_factory=dict)

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
    timed = [run for run in runs if run.flops and run.compute_s]
    rates = _by_kind(((run.numbers, run.mesh), run.flops / run.compute_s / run.devices) for run in timed)
    told = [run for run in runs if run.update and run.moved_bytes and run.update_s]
    updates = _by_kind(((run.update, run.mesh), run.moved_bytes / run.update_s) for run in told)
    return Calibration(process, steps, about, rates, updates) if steps or process or rates else None


def _by_kind(rates: Iterable[tuple[tuple[str, str], float]]) -> dict[tuple[str, str], Usual]:
    """The usual rate of each kind, of its latest runs, where enough of these agree."""
    kinds: dict[tuple[str, str], list[float]] = {}
    for kind, rate in rates:
        kinds.setdefault(kind, []).append(rate)
    found = {kind: usual(each[-LATEST:], _NEAR_TIMES) for kind, each in kinds.items()}
    return {kind: rate for kind, rate in found.items() if rate is not None}


def rate_words(rate: Usual, scale: float, unit: str) -> str:
    """A measured rate with its spread, in so many of a unit."""
    middle, low, high = (figure(one / scale) for one in (rate.value, rate.low, rate.high))
    return f"measured, {middle} {unit} ({low} to {high}) {rate}"


def usual(values: Iterable[float], near_share: float = _NEAR) -> Usual | None:
    """The median of values that agree: of those that remain when what is far from the median is left out."""
    every = list(values)
    if len(every) < FEWEST:
        return None
    middle = statistics.median(every)
    spread = statistics.median(abs(value - middle) for value in every)
    near = [value for value in every if abs(value - middle) <= max(_DEVIATIONS * spread, near_share * abs(middle))]
    if len(near) < FEWEST:
        return None
    return Usual(statistics.median(near), len(near), min(near), max(near), len(every) - len(near))


def table_name(card: Card) -> str:
    """What the table calls a card: machines that share a folder may have other processors."""
    return processor() if card.name == HOST else card.name


def numbers_of(precision: str, quantize: str | None) -> str:
    """How a run keeps its numbers, which its speed depends on."""
    return f"{precision} {quantize}" if quantize else precision


def update_of(optimizer: str, state: str | None, numbers: str, tuner: str | None) -> str:
    """What an update is of: an optimizer, a format of its state that is not fp32, and all weights or a tuner's."""
    kept = "bf16" if numbers.startswith("bf16-pure") else "fp32"
    narrowed = f" {state}" if state not in (None, "fp32") else ""
    return f"{optimizer}{narrowed} of {tuner or 'all'} weights in {kept}"


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
    if name in ("card", "model_type", "numbers", "mesh", "update"):
        return str(told[name])
    value = float(told[name])
    if not (math.isfinite(value) and 0 <= value < _MOST):
        raise ValueError(name)
    return value


def _cache() -> Path:
    return Path(os.environ.get("WHET_CACHE") or "~/.cache/whet").expanduser()
