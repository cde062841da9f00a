"""Answers to the screen of the plan: what there is to choose from, formulas of a class, what finished runs measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from whet.base.at_once import ON
from whet.base.catalogue import optimizer
from whet.plan.architecture import described, told
from whet.plan.calibration import Calibration, calibrated, rate_words
from whet.plan.hardware.cards import Card, card, cards
from whet.plan.models.find import published, short
from whet.plan.possible import USUAL_TOKENS, known
from whet.plan.screen.question import WORDS, How
from whet.plan.serving.speed import STEP_S, SUM_S
from whet.plan.speed import COMPUTE, LINK, MEMORY, NETWORK_GBS, PCIE_GBS
from whet.plan.timeline import COLLECTIVES_BYTES, COMPONENTS, CONTEXT_BYTES, FRAGMENTED

# Figures of a card that the screen reads.
FIGURES = (
    "memory",
    "usable_gib",
    "bandwidth_gbs",
    "bf16",
    "fp16",
    "fp32",
    "tf32",
    "fp8",
    "link_gbs",
    "watts",
    "a_node",
)


def choices() -> dict[str, Any]:
    """Known models with their configs, cards, the form, and what is assumed of every card."""
    return {
        "models": list(_models()), "cards": [_card(one) for one in cards().values()], "traced": described(),
        "form": How.model_json_schema(), "words": {mode: list(w) for mode, w in WORDS.items()},
        "narrowed": [name for name in optimizers() if has_state(name)], "assumed": assumed(),
    }  # fmt: skip


def formulas(model_type: str) -> dict[str, Any]:
    """What was traced of a class of models, as the page evaluates it. Raises ModelError for another class."""
    return dict(told(model_type))


def whole() -> dict[str, Any]:
    """Choices and the formulas of all classes, for a page that has no server."""
    return {**choices(), "architectures": {name: formulas(name) for name in described()}}


def measured(gpu: str, model_type: str, parameters: float) -> dict[str, Any] | None:
    """What finished runs of this machine say of a class of models of about so many parameters on a card."""
    found = calibrated(card(gpu), model_type, parameters)
    return None if found is None else told_of(found)


def told_of(found: Calibration) -> dict[str, Any]:
    rates = [
        {"numbers": numbers, "mesh": mesh, "flops_per_s": asdict(rate), "words": rate_words(rate, 1e9, "GFLOP/s")}
        for (numbers, mesh), rate in found.rates.items()
    ]
    updates = [
        {"update": kind, "mesh": mesh, "bytes_per_s": asdict(rate), "words": rate_words(rate, 1e9, "GB/s")}
        for (kind, mesh), rate in found.updates.items()
    ]
    return {
        "process": found.process and asdict(found.process), "steps": found.steps and asdict(found.steps),
        "about_bytes": found.about_bytes, "rates": rates, "updates": updates,
        "words": [
            *found.words(), *(f"{one['numbers']}, {one['mesh']}: {one['words']}" for one in rates),
            *(f"updates, {one['update']}, {one['mesh']}: {one['words']}" for one in updates),
        ],
    }  # fmt: skip


def optimizers() -> list[str]:
    """Those that there are to choose from."""
    return list(How.model_json_schema()["properties"]["optimizer"]["enum"])


def has_state(name: str) -> bool:
    """Whether the format of an optimizer's state can be chosen."""
    return "state" in optimizer.get(name).settings.model_fields


def assumed() -> dict[str, Any]:
    """Constants of the engine that no card tells."""
    return {
        "context_bytes": CONTEXT_BYTES, "collectives_bytes": COLLECTIVES_BYTES, "fragmented": FRAGMENTED,
        "compute": COMPUTE, "memory": MEMORY, "link": LINK, "network_gbs": NETWORK_GBS, "pcie_gbs": PCIE_GBS,
        "sum_s": SUM_S, "step_s": STEP_S, "batch_tokens": USUAL_TOKENS,
        "logits_bytes": {device: at.logits_bytes for device, at in ON.items()}, "components": list(COMPONENTS),
    }  # fmt: skip


def _models() -> Iterator[dict[str, Any]]:
    for model in known():
        yield {
            "name": model.name, "short": short(model.name), "parameters": model.num_parameters,
            "context": model.context, "config": dict(published()[model.name]),
        }  # fmt: skip


def _card(one: Card) -> dict[str, Any]:
    figures = {name: one.figures[name].value for name in FIGURES if name in one.figures}
    return {
        "name": one.name, "kind": one.kind, "vendor": one.vendor, "device": one.device,
        "usable_bytes": one.usable_bytes, "figures": figures, "how": one.figures["usable_gib"].how,
    }  # fmt: skip
