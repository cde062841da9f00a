"""What is planned: a model, how it is trained or served, and on what. Read from a run's config or from flags."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from whet.base.at_once import at_once
from whet.base.catalogue import objective, optimizer, tuner
from whet.base.errors import ModelError
from whet.base.mesh import Mesh
from whet.base.run import Run
from whet.base.step_size import step_tokens
from whet.optim.costs import Trained, declared
from whet.plan.architecture import described
from whet.plan.calibration import Calibration, calibrated
from whet.plan.hardware.cards import Card
from whet.plan.layers import experts
from whet.plan.mesh import own_sizes
from whet.plan.models.planned import PlannedModel, Tensor
from whet.plan.subject import ModelFacts, Subject

ITEM = {"fp32": 4, "bf16": 4, "fp16": 4, "bf16-pure": 2}  # bytes of a trained weight
_TRACED = {"fp16": "bf16"}  # precisions that take as much as another, which was traced
# Bytes a weight of linear layers that are packed: codes, and their scales (those of nf4 in 8 bits, a block of 64).
PACKED: Mapping[str, float] = {"nf4": 0.5 + 1 / 64 + 4 / (64 * 256), "int8": 1.0}
# Tokens at once that a CPU gains from, as measured: throughput no longer rises beyond a few thousand, memory does.
CPU_TOKENS = 4096


@dataclass(frozen=True, slots=True)
class Job:
    """`micro` are tokens at once on a rank, `step_tokens` those of all ranks in a step, `length` those of the longest
    sample; `trained` is the share of tokens that have a loss, `offload` that of the optimizer's state which lies on the
    host, where `on_host` weights and gradients do too; `saves_beside` training, from a copy on the host; `measured` is
    what finished runs say, if they are asked."""

    model: PlannedModel
    card: Card
    mesh: Mesh
    micro: int
    step_tokens: int
    length: int
    precision: str = "bf16"
    tuner: str = tuner.default or ""
    rank: int = 16
    optimizer: str = optimizer.default or ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    quantize: str | None = None
    recompute: bool = False
    ema: bool = False
    trained: float = 1.0
    objective: str = "sft"
    offload: float = 0.0
    on_host: bool = False
    saves_beside: bool = False
    measured: Calibration | None = None

    @classmethod
    def of(cls, run: Run, model: PlannedModel, card: Card, mesh: Mesh, *, length: int, micro: int) -> Job:
        """The job of a run that formulas cover (`is_covered`)."""
        precision = precision_on(run, card)
        values, source = run.tuner.values(), run.model.values()
        return cls(
            model, card, mesh, micro, step_tokens(run.train, length), length, precision, run.tuner.kind,
            values.get("rank", 0), run.optimizer.kind, run.optimizer.values(), source.get("quantize"),
            run.train.recompute == "full", run.train.ema > 0, objective=run.objective.kind,
            offload=run.train.offload.optimizer, on_host=run.train.offload.weights,
            saves_beside=run.train.async_checkpoint,
        )  # fmt: skip

    @property
    def subject(self) -> Subject:
        model = self.model
        facts = ModelFacts(
            model.name, model.architecture.model_type, model.num_parameters, model.num_active, len(model.layers)
        )
        return Subject(
            facts, self.card, self.mesh, self.tuner, 0 if self.is_whole else self.rank, self.precision, self.optimizer,
            self.quantize, self.recompute, self.objective, self.micro, self.num_micro, self.step_tokens, self.length,
        )  # fmt: skip

    def calibrated(self) -> Job:
        """The job, planned with what finished runs of this class of models have measured on its card."""
        model = self.model
        return replace(self, measured=calibrated(self.card, model.architecture.model_type, model.num_parameters))

    def on(self, mesh: Mesh) -> Job:
        return replace(self, mesh=mesh)

    @property
    def is_whole(self) -> bool:
        """Whether all weights are trained."""
        return tuner.get(self.tuner).facts.all_weights

    @property
    def mode(self) -> str:
        """The name under which this way of training was traced."""
        tied = self.is_whole and self.model.is_tied
        precision = _TRACED.get(self.precision, self.precision)
        return " ".join([precision, self.tuner, *["recompute"] * self.recompute, *["tied"] * tied])

    @property
    def num_micro(self) -> int:
        """Micro-batches of a step on a rank."""
        return max(1, -(-self.step_tokens // (self.micro * self.mesh.readers)))

    @property
    def sizes(self) -> dict[str, float]:
        """All that formulas ask for, as one rank has it."""
        run = {"tokens": float(self.micro), "trained": self.micro * self.trained}
        # Tokens that each one's attention is kept with: a CPU has no other way where values are narrower than keys.
        run["seen"] = float(min(self.length, self.micro)) if self.card.device == "cpu" else 0.0
        own = own_sizes(self.mesh, {**self.model.sizes, **run})
        rows = max(1, at_once(self.card.device).logits_bytes // int(own["vocab_size"] * 4))
        chunks = max(1, math.ceil(own["trained"] / rows))
        return {**own, "chunk": math.ceil(own["trained"] / chunks), "rank": float(self.rank)}

    def weights(self) -> Iterator[tuple[Tensor, float]]:
        """The model's own weights that a rank holds before sharding, each with its bytes a number."""
        item = 2.0 if not self.is_whole and self.precision in ("bf16", "fp16") else float(ITEM[self.precision])
        for tensor in self.model.tensors(self.sizes):
            packs = self.quantize is not None and tensor.layer is not None and tensor.role in ("matrix", "expert")
            yield tensor, PACKED[self.quantize or "int8"] if packs else item

    def learned(self) -> Iterator[Tensor]:
        """What gradients are made for: all weights, or the two matrices of each adapter."""
        if self.is_whole:
            yield from (tensor for tensor, _ in self.weights())
            return
        for tensor, _ in self.weights():
            if tensor.name in self.model.architecture.adapted:
                rows, columns = tensor.shape
                yield Tensor(f"{tensor.name}.A", "matrix", (self.rank, columns), tensor.times, tensor.layer)
                yield Tensor(f"{tensor.name}.B", "matrix", (rows, self.rank), tensor.times, tensor.layer)

    @property
    def learned_item(self) -> int:
        """Bytes of a trained number, and of its gradient."""
        return ITEM[self.precision]

    def state_bytes(self, tensor: Tensor) -> float:
        """What the optimizer declares that it keeps for what is learned of this, and the average of the weights."""
        kept = declared(optimizer.get(self.optimizer), self.settings, [Trained(tensor.shape, tensor.role)])
        return kept * tensor.times + (4.0 * tensor.numbers if self.ema else 0.0)


def is_covered(run: Run, config: Mapping[str, Any]) -> bool:
    """Whether formulas were traced for this class of models, trained in this way on next tokens."""
    how, loss = tuner.get(run.tuner.kind).facts, objective.get(run.objective.kind)
    is_as_traced = loss.facts.traced and run.objective.values() == loss.settings().values()
    has_adapted_experts = experts(config) > 0 and not how.all_weights
    is_known = config.get("model_type") in described() and how.traced is not None
    train = run.train
    is_kept = train.recompute != "selective" and train.recompute_every == 1 and not train.offload.activations
    return is_known and is_as_traced and not has_adapted_experts and is_kept and train.fp8 == "none"


def check_covered(run: Run, config: Mapping[str, Any]) -> None:
    """Raise ModelError for a class of models, or a way to train it, that no formulas were traced from."""
    if not is_covered(run, config):
        raise ModelError(
            f"no formulas were traced from `{config.get('model_type')}` trained by `objective: {run.objective.kind}` "
            f"and `tuner: {run.tuner.kind}`", at="model",
            hint=f"whet plan, which takes a step of it instead; with formulas: {', '.join(described())}",
        )  # fmt: skip


def precision_on(run: Run, card: Card) -> str:
    """What `train.precision: auto` is taken for before there is a machine to measure on."""
    if run.train.precision != "auto":
        return run.train.precision
    return "bf16" if card.device == "cuda" else "fp32"


def traced_tuners() -> list[str]:
    """Kinds whose memory a plan knows."""
    return [name for name in tuner.names() if tuner.get(name).facts.traced is not None]
