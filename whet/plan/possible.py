"""What a card can run and train: the models that are known, by size, each with the least memory that it takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from whet.base.catalogue import tuner
from whet.base.mesh import Mesh
from whet.base.step_size import BATCH_TOKENS
from whet.plan.architecture import described
from whet.plan.decide import decided, with_mesh
from whet.plan.hardware.cards import Card
from whet.plan.job import PACKED, Job, traced_tuners
from whet.plan.models.find import published, short
from whet.plan.models.planned import PlannedModel
from whet.plan.serving.memory import ServingPlan
from whet.plan.serving.served import ServedModel, Serving, serving_mesh

USUAL_TOKENS = BATCH_TOKENS  # of a step, where a run does not say


@dataclass(frozen=True, slots=True)
class Possible:
    """`serve_bytes`: of one conversation; `train_bytes`: by what is learned, in the leanest way and with one sample of
    `length` tokens at once; both at most `budget_bytes` where they fit. `conversations` are those that fit at once."""

    name: str
    parameters: int
    budget_bytes: int
    serve_bytes: float
    conversations: int
    train_bytes: dict[str, float]


def known() -> list[PlannedModel]:
    """The published models of which formulas were traced, the smallest first."""
    models = [PlannedModel.of(name, told) for name, told in published().items() if _is_described(told)]
    return sorted(models, key=lambda model: model.num_parameters)


def _is_described(config: object) -> bool:
    return isinstance(config, dict) and config.get("model_type") in described()


def possible(card: Card, gpus: int, length: int) -> Iterator[Possible]:
    """Each known model on so many cards."""
    for model in known():
        served = ServedModel.of(model.name, published()[model.name])
        mesh, own = serving_mesh(served, card, gpus), min(length, model.context or length)
        dtype = "fp32" if card.kind == "cpu" else "bf16" if card.rate("bf16") else "fp16"
        serving = ServingPlan(Serving(served, card, mesh, 1, own, own, dtype, None, dtype))
        trained = {what: decided(job).memory.peak.total for what, job in leanest(model, card, gpus, own).items()}
        most = serving.most_conversations() if serving.fits else 0
        yield Possible(short(model.name), model.num_parameters, card.usable_bytes, serving.peak, most, trained)


def leanest(model: PlannedModel, card: Card, gpus: int, length: int) -> dict[str, Job]:
    """By what is learned the way that takes least: layers computed again, one sample at once, narrow numbers."""
    precision, tokens = "bf16-pure" if card.device == "cuda" else "fp32", max(length, USUAL_TOKENS)
    start = Job(
        model, card, Mesh(), length, tokens, length, precision, recompute=True, settings={"state": "8bit"}
    )  # fmt: skip
    found: dict[str, Job] = {}
    for name in traced_tuners():
        kind = tuner.get(name)
        if "num_experts" in model.sizes and not kind.facts.all_weights:
            continue
        job = replace(start, tuner=name, rank=kind.settings().values().get("rank", 0))
        packed = [*PACKED] if not kind.facts.all_weights and card.vendor == "nvidia" else []
        for quantize in (None, *packed):
            what = "all weights" if kind.facts.all_weights else f"{name} {quantize}" if quantize else name
            one = replace(job, quantize=quantize)
            found[what] = with_mesh(one, gpus) if gpus > 1 else one
    return found
