"""What a run's memory will be at most, as formulas tell it: recorded as it starts, beside what is measured later."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from whet.base.catalogue import model_source
from whet.base.errors import WhetError
from whet.base.mesh import Mesh
from whet.models.forward.backbone import unwrapped
from whet.plan.hardware.cards import Card
from whet.plan.job import Job, is_covered
from whet.plan.memory import plan_memory
from whet.plan.models.planned import PlannedModel
from whet.plan.timeline import Moment
from whet.train.setup.trained import Trained
from whet.train.step.memory import used_bytes


def foretold(trained: Trained, micro_batch: int, longest: int) -> dict[str, Any]:
    """`planned_bytes` and the moment of it; nothing for what no formulas were traced from.

    What is in use now, with the weights in place, and what the plan has at its peak beyond them.
    """
    known = planned_of(trained, micro_batch, longest)
    if known is None:
        return {}
    _, peak = known
    beyond = peak.total - sum(peak.parts.get(name, 0.0) for name in ("weights", "overhead"))
    return {"planned_bytes": round(used_bytes(trained.world.device) + beyond), "planned_peak": str(peak)}


def planned_of(trained: Trained, micro_batch: int, longest: int) -> tuple[Job, Moment] | None:
    """The run as formulas see it, up to its first checkpoint, and the moment in which most is planned; None for what
    none were traced from."""
    try:
        job = job_of(trained, micro_batch, longest)
        return None if job is None else (job, plan_memory(replace(job, saves_beside=False)).peak)
    except WhetError:  # sizes that no plan is made for
        return None


def job_of(trained: Trained, micro_batch: int, longest: int) -> Job | None:
    """The run as formulas see it; None where none were traced from its like. Raises ModelError for odd sizes."""
    run, world = trained.run, trained.world
    if not model_source.get(run.model.kind).facts.rehearsed:
        return None
    config: dict[str, Any] = unwrapped(trained.loaded.module).config.to_dict()
    if not is_covered(run, config):
        return None
    card = Card("here", "cpu" if world.device.type == "cpu" else "card", "any", "any", {})
    told = run.parallel
    mesh = Mesh(**world.sizes, zero=told.zero, sequence=told.sequence, schedule=told.schedule)
    return Job.of(run, PlannedModel.of("the run's", config), card, mesh, length=longest, micro=micro_batch)
