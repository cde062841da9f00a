"""The closed forms of all known models, for a page that has no server: one value, each part of it once."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from whet.base.errors import WhetError
from whet.plan.hardware.cards import Card, card
from whet.plan.models.find import published
from whet.plan.models.planned import PlannedModel
from whet.plan.possible import known
from whet.plan.screen.answers import choices, facts_of, served_job, training_job
from whet.plan.screen.question import CARDS, How
from whet.plan.screen.serving import serving_forms
from whet.plan.screen.training import training_constants, training_steps
from whet.plan.serving.served import ServedModel

# A card of each kind that forms differ by: of the others only what a card tells differs.
KINDS = ("h100-sxm", "cpu-ddr5-2-channels-64gb")


def tables() -> dict[str, Any]:
    """Choices, and by model the forms of each way to train and to serve it; ways that cannot be are missing."""
    return {**choices(), "tables": {model.name: _of(model) for model in known()}}


def step_key(how: How, precision: str) -> str:
    """Under which the parts of a step lie: `lora bf16 recompute`."""
    tuner = "full" if how.mode == "full" else "lora"
    return " ".join([tuner, precision, *["recompute"] * how.recompute])


def constants_key(how: How, precision: str) -> str:
    return f"{how.mode} {precision} {how.state} {how.gpus}"


def serving_key(how: How, dtype: str) -> str:
    return f"{dtype if how.weights == 'bf16' else how.weights} {dtype if how.cache == 'bf16' else how.cache} {how.gpus}"


def _of(model: PlannedModel) -> dict[str, Any]:
    served = ServedModel.of(model.name, published()[model.name])
    steps: dict[str, Any] = {}
    constants: dict[str, Any] = {}
    serving: dict[str, Any] = {}
    for chosen in map(card, KINDS):
        for how in _trained(chosen):
            try:
                job = training_job(model, chosen, how)
            except WhetError:
                continue
            if (key := step_key(how, job.precision)) not in steps:
                steps[key] = training_steps(job)
            if (key := constants_key(how, job.precision)) not in constants:
                constants[key] = training_constants(job)
        for how in _ways_to_serve(chosen):
            try:
                made = served_job(served, chosen, how)
            except WhetError:
                continue
            serving[serving_key(how, "fp32" if made.dtype == "fp32" else "bf16")] = serving_forms(made)
    return {"model": facts_of(served), "steps": steps, "constants": constants, "serving": serving}


def _trained(chosen: Card) -> Iterator[How]:
    modes = ("full", "lora", "qlora") if chosen.vendor == "nvidia" else ("full", "lora")
    precisions = ("bf16", "bf16-pure") if chosen.device == "cuda" else ("fp32",)
    for mode, precision, state, recompute, gpus in product(modes, precisions, ("fp32", "8bit"), (True, False), CARDS):
        yield How(mode=mode, precision=precision, state=state, recompute=recompute, gpus=gpus)


def _ways_to_serve(chosen: Card) -> Iterator[How]:
    formats = ("bf16", "int8", "nf4") if chosen.vendor == "nvidia" else ("bf16",)
    caches = ("bf16", "fp8") if chosen.rate("fp8") is not None else ("bf16",)
    for weights, cache, gpus in product(formats, caches, CARDS):
        yield How(mode="serve", weights=weights, cache=cache, gpus=gpus)
