"""What a plan speaks of, however it was found: the model, the card, the ranks, and how the run is trained."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from whet.base.mesh import Mesh
from whet.plan.hardware.cards import Card
from whet.plan.timeline import MemoryPlan


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """`active` parameters are those that a token goes through."""

    name: str
    model_type: str
    parameters: int
    active: int
    layers: int


@dataclass(frozen=True, slots=True)
class Subject:
    """`micro` are tokens at once on a rank, `num_micro` micro-batches of a step, `length` tokens of the longest sample.

    `how` its memory is known: by formulas that were traced, or by a step of the run itself on tensors without values.
    """

    model: ModelFacts
    card: Card
    mesh: Mesh
    tuner: str
    rank: int
    precision: str
    optimizer: str
    quantize: str | None
    recompute: bool
    objective: str
    micro: int
    num_micro: int
    step_tokens: int
    length: int
    how: Literal["formulas", "step"] = "formulas"


@dataclass(frozen=True, slots=True)
class Lever:
    """A change of the config, and the peak with it."""

    setting: str
    peak: float


@dataclass(frozen=True, slots=True)
class Plan:
    """A subject with its memory over a step, and changes that would lower it, the most helpful first."""

    subject: Subject
    memory: MemoryPlan
    levers: list[Lever] = field(default_factory=list)

    @property
    def budget(self) -> int:
        return self.subject.card.usable_bytes

    @property
    def fits(self) -> bool:
        return self.memory.peak.total <= self.budget
