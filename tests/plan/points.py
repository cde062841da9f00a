"""Plans of the engine at random points, as JSON: what the screen's own evaluation of closed forms is compared with.

python -m tests.plan.points 40 > points.json
"""

from __future__ import annotations

import json
import random
import sys
from dataclasses import replace
from typing import Any

from whet.plan.hardware.cards import card
from whet.plan.memory import plan_memory
from whet.plan.models.find import published, short
from whet.plan.models.planned import PlannedModel
from whet.plan.possible import known
from whet.plan.screen.answers import choices, forms, has_state, optimizers, served_job, training_job
from whet.plan.screen.question import CARDS, Question
from whet.plan.serving.memory import ServingPlan
from whet.plan.serving.served import ServedModel
from whet.plan.serving.speed import serving_speed
from whet.plan.speed import speed
from whet.plan.timeline import MemoryPlan

GPUS = ("rtx-4090", "h100-sxm", "v100-sxm-32gb", "mi300x", "m4-max-40c-64gb", "cpu-ddr5-2-channels-64gb")


def points(count: int) -> dict[str, Any]:
    """Choices, and points: the question, where sliders stand, the forms, and what the engine says there."""
    draw, models = random.Random(7), list(known())
    found: list[dict[str, Any]] = []
    while len(found) < count:
        model, gpu = draw.choice(models), draw.choice([one for one in GPUS if one in _names()])
        asked = Question(
            model=short(model.name), gpu=gpu, mode=_mode(draw, model, gpu), gpus=draw.choice(CARDS),
            precision=draw.choice(("bf16", "bf16-pure")), **_optimizer(draw),
            recompute=draw.random() < 0.5, weights=draw.choice(("bf16", "int8", "nf4")) if _packs(gpu) else "bf16",
        )  # fmt: skip
        at = {"length": draw.randint(16, 9000), "samples": draw.randint(1, 12), "users": draw.randint(1, 300)}
        found.append({"asked": asked.model_dump() | at, "forms": forms(asked), **_said(model, asked, at)})
    return {"choices": choices(), "points": found}


def _optimizer(draw: random.Random) -> dict[str, Any]:
    name = draw.choice(optimizers())
    return {"optimizer": name, "state": draw.choice(("fp32", "8bit")) if has_state(name) else "fp32"}


def _names() -> set[str]:
    return {one["name"] for one in choices()["cards"]}


def _packs(gpu: str) -> bool:
    return card(gpu).vendor == "nvidia"


def _mode(draw: random.Random, model: PlannedModel, gpu: str) -> Any:
    modes = ["full", "serve", *(["lora"] if "num_experts" not in model.sizes else [])]
    return draw.choice(modes + (["qlora"] if _packs(gpu) and len(modes) > 2 else []))


def _said(model: PlannedModel, asked: Question, at: dict[str, int]) -> dict[str, Any]:
    chosen, length = card(asked.gpu), at["length"]
    if asked.mode == "serve":
        served = ServedModel.of(model.name, published()[model.name])
        serving = served_job(served, chosen, asked).where(
            concurrency=at["users"], length=length, prompt=max(1, int(0.75 * length))
        )
        plan = ServingPlan(serving)
        took = serving_speed(plan)
        speeds = {"rate": took.tokens_per_s, "first": took.first_s} if took else {"rate": None, "first": None}
        return {"moments": _moments(plan.memory), "most": plan.most_conversations(), **speeds}
    job = replace(training_job(model, chosen, asked), micro=length * at["samples"], length=length)
    trained = speed(job)
    rate = trained.tokens_per_s if trained else None
    return {"moments": _moments(plan_memory(job)), "most": None, "rate": rate, "first": None}


def _moments(memory: MemoryPlan) -> list[dict[str, Any]]:
    return [
        {"phase": one.phase, "what": one.what, "total": one.total, "parts": dict(one.parts)} for one in memory.moments
    ]


if __name__ == "__main__":
    json.dump(points(int(sys.argv[1])), sys.stdout)
