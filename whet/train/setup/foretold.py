"""What a run's memory will be at most, as formulas tell it: recorded as it starts, beside what is measured later."""

from __future__ import annotations

from typing import Any

from whet.base.catalogue import model_source
from whet.base.errors import WhetError
from whet.base.mesh import Mesh
from whet.models.forward.backbone import unwrapped
from whet.plan.hardware.cards import Card
from whet.plan.job import Job, is_covered
from whet.plan.memory import plan_memory
from whet.plan.models.planned import PlannedModel
from whet.train.setup.trained import Trained
from whet.train.step.memory import used_bytes


def foretold(trained: Trained, micro_batch: int, longest: int) -> dict[str, Any]:
    """`planned_bytes` and the moment of it; nothing for what no formulas were traced from.

    What is in use now, with the weights in place, and what the plan has at its peak beyond them.
    """
    run, world = trained.run, trained.world
    if not model_source.get(run.model.kind).facts.rehearsed:
        return {}
    config: dict[str, Any] = unwrapped(trained.loaded.module).config.to_dict()
    if not is_covered(run, config):
        return {}
    card = Card("here", "cpu" if world.device.type == "cpu" else "card", "any", "any", {})
    try:
        model = PlannedModel.of("the run's", config)
        told = run.parallel
        mesh = Mesh(**world.sizes, zero=told.zero, sequence=told.sequence, schedule=told.schedule)
        peak = plan_memory(Job.of(run, model, card, mesh, length=longest, micro=micro_batch)).peak
    except WhetError:
        return {}
    beyond = peak.total - peak.parts["weights"] - peak.parts["overhead"]
    return {"planned_bytes": round(used_bytes(world.device) + beyond), "planned_peak": str(peak)}
