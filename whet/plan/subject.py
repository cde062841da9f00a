"""What a plan speaks of, however it was found: the model, the card, the ranks, and how the run is trained."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from whet.base.mesh import Mesh
from whet.plan.calibration import Calibration
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
class Speed:
    """Seconds of a step on all ranks together, by what they go to; `tokens` are those of the step, and `how` tells
    where the rates are from."""

    compute_s: float
    talk_s: float
    waiting_s: float
    update_s: float
    tokens: int
    how: str

    @property
    def step_s(self) -> float:
        return self.compute_s + self.talk_s + self.waiting_s + self.update_s

    @property
    def tokens_per_s(self) -> float:
        return self.tokens / self.step_s


@dataclass(frozen=True, slots=True)
class Plan:
    """A subject with its memory over a step, and changes that would lower it, the most helpful first; its speed, where
    that can be told, and what was `measured` by finished runs."""

    subject: Subject
    memory: MemoryPlan
    levers: list[Lever] = field(default_factory=list)
    speed: Speed | None = None
    measured: Calibration | None = None

    @property
    def budget(self) -> int:
        return self.subject.card.usable_bytes

    @property
    def fits(self) -> bool:
        return self.memory.peak.total <= self.budget
