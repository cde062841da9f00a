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
from whet.plan.screen.answers import choices, facts_of, has_state, optimizers, served_job, training_job
from whet.plan.screen.question import CARDS, STATES, How
from whet.plan.screen.serving import serving_forms
from whet.plan.screen.training import state_bytes, training_constants, training_steps
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
    return f"{how.mode} {precision} {how.gpus}"


def state_key(how: How) -> str:
    """Under which lies what an optimizer keeps: `full lion 8bit`."""
    return f"{'full' if how.mode == 'full' else 'lora'} {how.optimizer} {how.state}"


def serving_key(how: How, dtype: str) -> str:
    return f"{dtype if how.weights == 'bf16' else how.weights} {dtype if how.cache == 'bf16' else how.cache} {how.gpus}"


def _of(model: PlannedModel) -> dict[str, Any]:
    served = ServedModel.of(model.name, published()[model.name])
    steps: dict[str, Any] = {}
    constants: dict[str, Any] = {}
    states: dict[str, Any] = {}
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
            if (key := state_key(how)) not in states:
                states[key] = state_bytes(job)
        for how in _ways_to_serve(chosen):
            try:
                made = served_job(served, chosen, how)
            except WhetError:
                continue
            serving[serving_key(how, "fp32" if made.dtype == "fp32" else "bf16")] = serving_forms(made)
    training = {"steps": steps, "constants": constants, "states": states}
    return {"model": facts_of(served), **training, "serving": serving}


def _trained(chosen: Card) -> Iterator[How]:
    modes = ("full", "lora", "qlora") if chosen.vendor == "nvidia" else ("full", "lora")
    precisions = ("bf16", "bf16-pure") if chosen.device == "cuda" else ("fp32",)
    for mode, precision in product(modes, precisions):
        yield How(mode=mode, precision=precision, recompute=False)
        yield from (How(mode=mode, precision=precision, gpus=gpus) for gpus in CARDS)
    for mode, name in product(("full", "lora"), optimizers()):
        yield from (
            How(mode=mode, optimizer=name, state=state) for state in STATES if state == "fp32" or has_state(name)
        )


def _ways_to_serve(chosen: Card) -> Iterator[How]:
    formats = ("bf16", "int8", "nf4") if chosen.vendor == "nvidia" else ("bf16",)
    caches = ("bf16", "fp8") if chosen.rate("fp8") is not None else ("bf16",)
    for weights, cache, gpus in product(formats, caches, CARDS):
        yield How(mode="serve", weights=weights, cache=cache, gpus=gpus)
