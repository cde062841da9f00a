"""Plans of the engine at random points, as JSON: what the screen's own evaluation of the formulas is compared with.

python -m tests.plan.points 40 > points.json
"""

from __future__ import annotations

import json
import random
import sys
from dataclasses import replace
from typing import Any

from whet.base.errors import WhetError
from whet.base.mesh import Mesh
from whet.plan.calibration import Calibration, Usual
from whet.plan.hardware.cards import Card, card
from whet.plan.job import Job
from whet.plan.memory import plan_memory
from whet.plan.mesh import check_mesh, check_packed
from whet.plan.models.find import published, short
from whet.plan.models.planned import PlannedModel
from whet.plan.possible import USUAL_TOKENS, known
from whet.plan.screen.answers import has_state, optimizers, told_of, whole
from whet.plan.serving.memory import ServingPlan
from whet.plan.serving.served import ServedModel, Serving, check_serving
from whet.plan.serving.speed import serving_speed
from whet.plan.speed import speed
from whet.plan.timeline import MemoryPlan

GPUS = ("rtx-4090", "h100-sxm", "v100-sxm-32gb", "mi300x", "m4-max-40c-64gb", "cpu-ddr5-2-channels-64gb")
CARDS = (1, 1, 2, 4, 6, 8, 16, 24)


def points(count: int) -> dict[str, Any]:
    """All that the page has, and points: what is asked, and what the engine says there, or why it refuses."""
    draw, models = random.Random(7), list(known())
    found: list[dict[str, Any]] = []
    while len(found) < count:
        model, gpu = draw.choice(models), draw.choice(GPUS)
        mode = _mode(draw, model, gpu)
        asked = {
            "model": short(model.name), "gpu": gpu, "mode": mode, "precision": draw.choice(("bf16", "bf16-pure")),
            "rank": draw.choice((16, 64)), "recompute": draw.choice(("none", "full")), **_optimizer(draw),
            "offload": draw.choice((0, 0, 50)),
            "weights": draw.choice(("bf16", "int8", "nf4")) if _packs(gpu) else "bf16",
            "length": draw.randint(16, 9000), "samples": draw.randint(1, 12), "users": draw.randint(1, 300),
            "is_measured": draw.random() < 0.3, **_cards(draw, mode),
        }  # fmt: skip
        found.append({"asked": asked, **_said(model, asked)})
    return {"whole": whole(), "measured": told_of(_measured()), "points": found}


def _cards(draw: random.Random, mode: str) -> dict[str, Any]:
    """So many cards, which axes share."""
    gpus = left = draw.choice(CARDS)
    sizes: dict[str, int] = {}
    for axis in ("pipeline", "replicate", "expert", *(() if mode == "serve" else ("tensor", "context"))):
        sizes[axis] = draw.choice([size for size in (1, 1, 1, 2, 3, 4) if left % size == 0])
        left //= sizes[axis]
    return {"gpus": gpus, **sizes, "zero": draw.choice((1, 2, 3, 3)), "sequence": draw.random() < 0.5}


def _mesh(asked: dict[str, Any]) -> Mesh:
    axes = {axis: asked[axis] for axis in ("pipeline", "replicate", "expert")}
    if asked["mode"] == "serve":
        return Mesh(**axes, tensor=asked["gpus"] // (axes["pipeline"] * axes["replicate"] * axes["expert"]))
    mesh = Mesh(
        **axes, tensor=asked["tensor"], context=asked["context"], zero=asked["zero"], sequence=asked["sequence"]
    )
    return replace(mesh, shard=asked["gpus"] // mesh.ranks)


def _measured() -> Calibration:
    def usual(value: float) -> Usual:
        return Usual(value, 5, value, value, 0)

    rates = {(numbers, "one rank"): usual(9e13) for numbers in ("bf16", "bf16-pure", "fp32")}
    kinds = ("adamw of all weights in fp32", "adamw 8bit of all weights in bf16", "lion of lora weights in fp32")
    updates = {(kind, "one rank"): usual(7e11) for kind in kinds}
    return Calibration(usual(8e8), usual(1.04), 2.0**33, rates, updates)


def _optimizer(draw: random.Random) -> dict[str, Any]:
    name = draw.choice(optimizers())
    return {"optimizer": name, "state": draw.choice(("fp32", "8bit")) if has_state(name) else "fp32"}


def _packs(gpu: str) -> bool:
    return card(gpu).vendor == "nvidia"


def _mode(draw: random.Random, model: PlannedModel, gpu: str) -> str:
    modes = ["full", "serve", *(["lora"] if "num_experts" not in model.sizes else [])]
    return draw.choice(modes + (["qlora"] if _packs(gpu) and len(modes) > 2 else []))


def _said(model: PlannedModel, asked: dict[str, Any]) -> dict[str, Any]:
    chosen = card(asked["gpu"])
    try:
        return (_served if asked["mode"] == "serve" else _trained)(model, chosen, asked)
    except WhetError as error:
        return {"refused": str(error).splitlines()[0]}


def _served(model: PlannedModel, chosen: Card, asked: dict[str, Any]) -> dict[str, Any]:
    served, mesh = ServedModel.of(model.name, published()[model.name]), _mesh(asked)
    check_serving(mesh, served, asked["gpus"])
    dtype = "fp32" if chosen.kind == "cpu" else "bf16" if chosen.rate("bf16") else "fp16"
    quantize, length = None if asked["weights"] == "bf16" else asked["weights"], asked["length"]
    serving = Serving(
        served, chosen, mesh, asked["users"], length, max(1, int(0.75 * length)), dtype, quantize, dtype
    )  # fmt: skip
    plan, took = ServingPlan(serving), serving_speed(ServingPlan(serving))
    speeds = {"rate": took.tokens_per_s, "first": took.first_s} if took else {"rate": None, "first": None}
    return {"moments": _moments(plan.memory), "most": plan.most_conversations(), "stage": "", "host": 0, **speeds}


def _trained(model: PlannedModel, chosen: Card, asked: dict[str, Any]) -> dict[str, Any]:
    mesh, is_packed = _mesh(asked), asked["mode"] == "qlora"
    check_mesh(mesh, model, asked["gpus"])
    check_packed(mesh, "nf4" if is_packed else None)
    whole_weights = asked["mode"] == "full"
    job = Job(
        model, chosen, mesh, asked["length"] * asked["samples"], USUAL_TOKENS, asked["length"],
        asked["precision"] if chosen.device == "cuda" else "fp32", "full" if whole_weights else "lora",
        0 if whole_weights else asked["rank"], asked["optimizer"],
        {"state": asked["state"]} if has_state(asked["optimizer"]) else {}, "nf4" if is_packed else None,
        asked["recompute"] == "full", offload=asked["offload"] / 100,
        measured=_measured() if asked["is_measured"] else None,
    )  # fmt: skip
    memory, took = plan_memory(job), speed(job)
    return {
        "moments": _moments(memory), "most": None, "rate": took.tokens_per_s if took else None, "first": None,
        "stage": memory.stage.name, "host": memory.host_bytes,
    }  # fmt: skip


def _moments(memory: MemoryPlan) -> list[dict[str, Any]]:
    return [
        {"phase": one.phase, "what": one.what, "total": one.total, "parts": dict(one.parts)} for one in memory.moments
    ]


if __name__ == "__main__":
    json.dump(points(int(sys.argv[1])), sys.stdout)
