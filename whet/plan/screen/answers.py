"""Answers to the screen of the plan: what there is to choose from, and the closed forms of what was chosen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from whet.base.at_once import ON
from whet.base.catalogue import optimizer, tuner
from whet.base.errors import ConfigError, ModelError
from whet.base.mesh import Mesh
from whet.base.nearest import nearest
from whet.plan.architecture import described
from whet.plan.hardware.cards import Card, card, cards
from whet.plan.job import Job
from whet.plan.models.find import published, short
from whet.plan.models.planned import PlannedModel
from whet.plan.possible import USUAL_TOKENS, known
from whet.plan.screen.question import CARDS, WORDS, How, Question
from whet.plan.screen.serving import serving_forms
from whet.plan.screen.training import training_constants, training_steps
from whet.plan.serving.served import ServedModel, Serving, check_serving
from whet.plan.serving.speed import STEP_S, SUM_S
from whet.plan.speed import COMPUTE, LINK, MEMORY, NETWORK_GBS, PCIE_GBS
from whet.plan.timeline import COLLECTIVES_BYTES, COMPONENTS, CONTEXT_BYTES, FRAGMENTED

LONGEST = 131_072  # tokens of a sample or a conversation that the sliders go to
# Figures of a card that the screen reads.
FIGURES = ("memory", "usable_gib", "bandwidth_gbs", "bf16", "fp16", "fp32", "tf32", "link_gbs", "watts", "a_node")


def choices() -> dict[str, Any]:
    """Known models and cards, the form, and what is assumed of every card."""
    return {
        "models": list(_models()), "cards": [_card(one) for one in cards().values()],
        "form": How.model_json_schema(), "gpus": list(CARDS), "words": {mode: list(w) for mode, w in WORDS.items()},
        "narrowed": [name for name in optimizers() if has_state(name)],
        "assumed": assumed(),
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
            "has_experts": "num_experts" in model.sizes, "context": model.context,
        }  # fmt: skip


def _card(one: Card) -> dict[str, Any]:
    figures = {name: one.figures[name].value for name in FIGURES if name in one.figures}
    return {
        "name": one.name, "kind": one.kind, "vendor": one.vendor, "device": one.device,
        "usable_bytes": one.usable_bytes, "figures": figures, "how": one.figures["usable_gib"].how,
    }  # fmt: skip


def forms(asked: Question) -> dict[str, Any]:
    """The closed forms of a question. Raises ConfigError and ModelError for what cannot be planned."""
    name, config = ("config.json", asked.config) if asked.config is not None else _known(asked.model)
    chosen, served = card(asked.gpu), ServedModel.of(name, _traced(name, config))
    _check(asked, chosen)
    if asked.mode == "serve":
        return {
            "kind": "serving",
            "model": facts_of(served),
            "serving": serving_forms(served_job(served, chosen, asked)),
        }
    job = training_job(PlannedModel.of(name, config), chosen, asked)
    told = {"steps": training_steps(job), "constants": training_constants(job), "precision": job.precision}
    return {"kind": "training", "model": facts_of(served), **told}


def _known(name: str) -> tuple[str, Mapping[str, Any]]:
    """A known model's name and config: a server reads no files of its own for whoever asks."""
    names = {short(one): one for one in published()} | {one.lower(): one for one in published()}
    if (found := names.get(name.lower())) is None:
        near = nearest(name.lower(), names)
        hint = f"did you mean `{near}`?" if near else "paste its config.json"
        raise ModelError(f"no known model is called `{name}`", at="model", hint=hint)
    return found, published()[found]


def _traced(name: str, config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The config, of a class that has been traced. Raises ModelError for another, which needs a model to be built."""
    model_type = config.get("model_type")
    if model_type not in described():
        PlannedModel.of(name, config)  # which says what is wrong with it
    return config


def _check(asked: Question, chosen: Card) -> None:
    """Raise ConfigError for what a card has no units or kernels for."""
    if asked.mode == "qlora" and chosen.vendor != "nvidia":
        raise ConfigError(
            f"weights in nf4 are multiplied on cards of NVIDIA, and {chosen.name} is none", at="mode", hint="mode: lora"
        )
    if asked.mode == "serve" and asked.weights != "bf16" and chosen.vendor != "nvidia":
        raise ConfigError(
            f"packed weights are multiplied on cards of NVIDIA, and {chosen.name} is none", at="weights",
            hint="weights: bf16",
        )  # fmt: skip
    if asked.mode == "serve" and asked.cache == "fp8" and chosen.rate("fp8") is None:
        raise ConfigError(f"{chosen.name} has no units for fp8", at="cache", hint="cache: bf16")
    if asked.state != "fp32" and not has_state(asked.optimizer):
        raise ConfigError(f"{asked.optimizer} keeps its state in one format", at="state", hint="state: fp32")
    if asked.gpus not in CARDS:
        raise ConfigError(f"{asked.gpus} cards are not among {CARDS}", at="gpus", hint=f"whet plan --gpus {asked.gpus}")


def facts_of(served: ServedModel) -> dict[str, Any]:
    """What a screen says of a model."""
    return {
        "name": served.name, "model_type": served.model_type, "parameters": served.parameters,
        "active": round(served.active()), "layers": len(served.layers), "context": served.context,
        "vocab": served.vocab,
    }  # fmt: skip


def training_job(model: PlannedModel, chosen: Card, how: How) -> Job:
    """What is trained; tokens at once are any. Raises ModelError for adapters beside experts."""
    kind = tuner.get("full" if how.mode == "full" else "lora")
    if "num_experts" in model.sizes and not kind.facts.all_weights:
        raise ModelError(
            f"`{model.name}` has experts, and no formulas were traced of adapters beside them", at="mode",
            hint="mode: full",
        )  # fmt: skip
    precision = ("bf16" if how.precision == "fp32" else how.precision) if chosen.device == "cuda" else "fp32"
    return Job(
        model, chosen, Mesh(shard=how.gpus), 256, USUAL_TOKENS, 256, precision, kind.name,
        kind.settings().values().get("rank", 0), optimizer=how.optimizer,
        settings={"state": how.state} if has_state(how.optimizer) else {},
        quantize="nf4" if how.mode == "qlora" else None, recompute=how.recompute,
    )  # fmt: skip


def served_job(model: ServedModel, chosen: Card, how: How) -> Serving:
    """What is served; conversations are any. Raises ConfigError, with the arithmetic, where its heads do not divide."""
    mesh = Mesh(tensor=how.gpus)
    check_serving(mesh, model, how.gpus)
    dtype = "fp32" if chosen.kind == "cpu" else "bf16" if chosen.rate("bf16") else "fp16"
    quantize = None if how.weights == "bf16" else how.weights
    return Serving(model, chosen, mesh, 1, 256, 192, dtype, quantize, dtype if how.cache == "bf16" else how.cache)
