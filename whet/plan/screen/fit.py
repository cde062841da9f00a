"""All ways to train what the screen asks, as `whet fit` finds them: the front, why others are not taken, and meshes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from whet.base.config import load
from whet.base.errors import ModelError
from whet.base.mesh import Mesh
from whet.base.nearest import nearest
from whet.base.parallel import Parallel
from whet.base.units import size
from whet.plan.decide import decided
from whet.plan.hardware.cards import card
from whet.plan.job import Job, check_covered
from whet.plan.mesh import candidates
from whet.plan.models.find import published, short
from whet.plan.models.planned import PlannedModel
from whet.plan.screen.question import FitQuestion
from whet.plan.search import Way, fitted, way_dict

MESHES = 6  # that are shown
# All ways of a model are walked through layer by layer: what takes minutes is no answer to a page.
LAYERS = 1024


def ways(asked: FitQuestion) -> dict[str, Any]:
    """Raises ConfigError and ModelError for what cannot be planned."""
    name, config = ("config.json", asked.config) if asked.config is not None else _known(asked.model)
    model = PlannedModel.of(name, config)
    if len(model.layers) > LAYERS:
        raise ModelError(
            f"{len(model.layers):,} layers are more than the {LAYERS:,} of which a page is told all ways", at="model",
            hint=f"whet fit config.json --gpu {asked.gpu}",
        )  # fmt: skip
    run = load(None, [], {("model", "path"): name}).run
    check_covered(run, config)
    job = Job.of(run, model, card(asked.gpu), Mesh(), length=asked.length, micro=asked.length).calibrated()
    found = fitted(job, asked.gpus)
    chosen = found.chosen()
    return {
        "chosen": None if chosen is None else way_dict(chosen),
        "front": [way_dict(way) for alike in found.shown().values() for way in alike],
        "beaten": len(found.fitting) - len(found.front),
        "reasons": [
            {"learns": learns, "ways": count, "why_not": way.why_not} for learns, count, way in found.reasons()
        ],
        "meshes": list(_meshes(chosen, asked.gpus)) if chosen is not None and asked.gpus > 1 else [],
    }  # fmt: skip


def _meshes(chosen: Way, gpus: int) -> Iterator[dict[str, str]]:
    """Meshes of the way that is taken, in the order in which they are tried, up to the first that holds a sample."""
    job = chosen.job
    for number, mesh in enumerate(candidates(job.card, gpus, job.model, Parallel())):
        found = decided(replace(job, mesh=mesh, micro=job.length))
        took = f"{size(found.memory.peak.total)} of {size(job.card.usable_bytes)} with one sample at once"
        if found.fits or number == MESHES:
            yield {"mesh": str(mesh), "why": f"{took}: is taken, the first that fits" if found.fits else took}
            return
        yield {"mesh": str(mesh), "why": f"{took}: does not fit"}


def _known(name: str) -> tuple[str, Mapping[str, Any]]:
    """A known model's name and config: a server reads no files of its own for whoever asks."""
    names = {short(one): one for one in published()} | {one.lower(): one for one in published()}
    if (found := names.get(name.lower())) is None:
        near = nearest(name.lower(), names)
        hint = f"did you mean `{near}`?" if near else "paste its config.json"
        raise ModelError(f"no known model is called `{name}`", at="model", hint=hint)
    return found, published()[found]
