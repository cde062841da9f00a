"""The memory of a step as a timeline of moments: bytes by component at each, and the moment when it is most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from whet.plan.calibration import Calibration
from whet.plan.hardware.cards import Card

COMPONENTS = ("weights", "beside", "gathered", "gradients", "optimizer", "activations", "cache", "working", "overhead")
# Components that are there through the whole step: all else but `overhead` comes and goes.
HELD = ("weights", "optimizer")
# What the process takes before it holds anything: libraries on a CPU, the driver's context on a card, and the buffers
# of the collectives where there are several cards. Owners report 0.3 to 1 GB; not measured by whet.
CONTEXT_BYTES = {"cpu": 300 << 20, "card": 600 << 20}
COLLECTIVES_BYTES = 400 << 20
# What the allocator of a card holds beyond what is in use. Assumed; a CPU's heap gives back what is asked for.
FRAGMENTED = 0.03


@dataclass(frozen=True, slots=True)
class Moment:
    """A part of a step at its highest: bytes by component."""

    phase: str
    what: str
    parts: Mapping[str, float]

    @property
    def total(self) -> float:
        return sum(self.parts.values())

    def __str__(self) -> str:
        return f"{self.phase}, {self.what}" if self.what else self.phase


@dataclass(frozen=True, slots=True)
class Stage:
    """The layers of one rank of a pipeline, by number; which ends it has; micro-batches whose activations it holds at a
    time, each of one of its `runs` of layers."""

    name: str
    layers: Sequence[int]
    is_first: bool = True
    is_last: bool = True
    in_flight: int = 1
    runs: int = 1


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """The moments of a step of the rank that takes most, and the bytes that it has in the host's memory instead."""

    stage: Stage
    moments: Sequence[Moment] = field(default_factory=list)
    host_bytes: float = 0.0

    @property
    def peak(self) -> Moment:
        return max(self.moments, key=lambda moment: moment.total)

    def phases(self) -> list[Moment]:
        """The highest moment of each phase, in order."""
        found: dict[str, Moment] = {}
        for moment in self.moments:
            if moment.phase not in found or moment.total > found[moment.phase].total:
                found[moment.phase] = moment
        return list(found.values())


def with_overhead(moment: Moment, card: Card, ranks: int, measured: Calibration | None = None) -> Moment:
    """The moment with what the process takes beside its tensors, and its components in order.

    What finished runs have `measured` stands in the place of what is assumed; bytes of tensors stay as they are, and so
    does what a step was seen to take beside them.
    """
    is_cpu = card.kind == "cpu"
    overhead: float = CONTEXT_BYTES["cpu" if is_cpu else "card"]
    if measured is not None and measured.process is not None:
        overhead = measured.process.value
    overhead += moment.parts.get("overhead", 0.0) + (0 if is_cpu or ranks == 1 else COLLECTIVES_BYTES)
    step = moment.total - sum(moment.parts.get(name, 0.0) for name in HELD)
    beyond = None if measured is None else measured.beyond(step)
    assumed = 0 if is_cpu else int(FRAGMENTED * moment.total)
    overhead = max(0.0, overhead + (assumed if beyond is None else beyond))
    known = {**moment.parts, "overhead": overhead}
    return Moment(moment.phase, moment.what, {name: known[name] for name in COMPONENTS if known.get(name)})
