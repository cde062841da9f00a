"""`parallel: auto`: a run's mesh, chosen by the plan once data says how long samples are, before ranks start."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from whet.base.catalogue import model_source
from whet.base.errors import ConfigError, ModelError, WhetError
from whet.base.mesh import ORDER, Mesh
from whet.base.run import Run
from whet.base.units import size
from whet.models.loading.reading import read
from whet.models.loading.spec import Spec
from whet.parallel.sizes import num_processes
from whet.plan.auto import Budget, chosen_mesh
from whet.plan.hardware.cards import Card, Figure
from whet.plan.hardware.detected import detected
from whet.plan.job import Job, check_covered
from whet.plan.mesh import check_packed
from whet.plan.models.planned import PlannedModel
from whet.train.setup.chosen import Chosen
from whet.train.setup.combinations import check_combinations
from whet.train.setup.models import check_mesh
from whet.train.step.memory import SHARE


def with_mesh(run: Run, chosen: Chosen, longest: int, pinned: Mapping[str, Any]) -> tuple[Run, dict[str, str]]:
    """The run with the sizes of its mesh where it leaves them to the plan, and why they are taken.

    A run that goes on takes those that it began with; on another number of ranks they are chosen anew. Raises
    ConfigError where the plan cannot tell, or no mesh fits.
    """
    ranks = num_processes()
    if run.parallel.mesh != "auto" or ranks == 1:
        return run, {}
    if (kept := _pinned(run, pinned.get("mesh"), ranks)) is not None:
        return _on(run, kept), {}
    job = _job(run, longest)
    budget = _budget(job.card)

    def refused(mesh: Mesh) -> str | None:
        on = _on(run, mesh)
        try:
            check_packed(mesh, job.quantize)
            check_combinations(on, chosen)
            check_mesh(on)
        except WhetError as error:
            return error.message
        return None

    found = chosen_mesh(job, ranks, run.parallel, refused, budget)
    return _on(run, found.mesh), {"parallel": found.words}


def _pinned(run: Run, told: Any, ranks: int) -> Mesh | None:
    """The mesh that the run began with, where it has as many ranks and what is given still holds."""
    if not isinstance(told, dict) or not all(name in ORDER and isinstance(size, int) for name, size in told.items()):
        return None
    mesh, given = Mesh(**told), run.parallel
    holds = all(getattr(given, axis) in (1, "auto", getattr(mesh, axis)) for axis in ORDER)
    return mesh if mesh.ranks == ranks and holds else None


def _on(run: Run, mesh: Mesh) -> Run:
    sizes = {axis: getattr(mesh, axis) for axis in ORDER}
    return run.model_copy(update={"parallel": run.parallel.model_copy(update=sizes)})


def _job(run: Run, longest: int) -> Job:
    """The run as formulas see it. Raises ConfigError where none were traced from its like."""
    if not model_source.get(run.model.kind).facts.rehearsed:
        raise _untold(f"`model.kind: {run.model.kind}` is no model of transformers")
    config: dict[str, Any] = read(Spec(**run.model.values()))[0].to_dict()
    try:
        check_covered(run, config)
        model = PlannedModel.of("the run's", config)
    except ModelError as error:
        raise _untold(error.message) from error
    return Job.of(run, model, _card(run), Mesh(), length=longest, micro=longest)


def _untold(why: str) -> ConfigError:
    ranks = num_processes()
    return ConfigError(
        f"`parallel: auto` is chosen by a plan, and none can be made: {why}", at="parallel",
        hint=f"parallel.mesh=given parallel.shard={ranks}",
    )  # fmt: skip


def _card(run: Run) -> Card:
    """What each rank of this machine has: a card, or its part of the memory."""
    card, here = detected()[0], int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if card.kind != "cpu" and run.train.device.startswith("cpu"):
        raise _untold("of a machine with cards a plan knows these, and the run is on its processor")
    figures = {**card.figures, "a_node": Figure(float(here), "reported")}
    if card.kind == "cpu":
        usable = card.figures["usable_gib"]
        figures["usable_gib"] = replace(usable, value=usable.value / here)
    return replace(card, figures=figures)


def _budget(card: Card) -> Budget:
    share = SHARE[card.device]
    return Budget(share * card.usable_bytes, f"{share:.0%} of {size(card.usable_bytes)}")
