"""What a run says of itself before its first step: its facts, and all that a user should know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch

from whet.models.decoding.proof import decoding_of
from whet.parallel.pipeline.stages import stages_of
from whet.train.setup.foretold import foretold
from whet.train.setup.notices import on_micro_batch, on_noise, on_rank, on_resume, on_schedule, on_ties
from whet.train.setup.resolve import Resolved
from whet.train.setup.rows import template_facts
from whet.train.setup.sources import Feed
from whet.train.setup.trained import Trained, groups_of


def facts_of(trained: Trained, feed: Feed, resolved: Resolved) -> dict[str, Any]:
    """The record of a run's start: what is trained, on what, and where."""
    run, model, device = trained.run, trained.loaded, trained.world.device
    counted = _counted(trained)
    return {
        "objective": run.objective.kind,
        "tuner": run.tuner.kind,
        "optimizer": run.optimizer.kind,
        "parameters": int(counted["parameters"]),
        "trained": int(counted["trained"]),
        **feed.facts,
        **template_facts(run, model.processor if model.capabilities.family == "causal" else None),
        "micro_batch": resolved.micro_batch,
        "precision": resolved.precision,
        **foretold(trained, resolved.micro_batch, feed.longest),
        **({"decoding": decoding_of(model.module).words} if model.capabilities.generates else {}),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        **resolved.environment,
    }


def _counted(trained: Trained) -> dict[str, float]:
    """How many parameters the model has, and how many are trained, on all stages together: tied ones once."""
    module, stages = trained.loaded.module, stages_of(trained.loaded.module)
    again = stages.shared(module) if stages is not None and stages.rank == stages.cut.place[-1] else []
    own = [p for p in module.parameters() if not any(p is one for one in again)]
    counts = {"parameters": sum(p.numel() for p in own), "trained": sum(p.numel() for p in own if p.requires_grad)}
    return trained.world.sums(counts, "stages")


def notices_of(trained: Trained, resolved: Resolved, pinned: Mapping[str, Any]) -> Iterator[str]:
    """What is to be said of the model, its optimizer and what was resolved."""
    run, module = trained.run, trained.loaded.module
    yield from on_micro_batch(run.train.micro_batch, resolved.micro_batch)
    yield from on_schedule(run)
    yield from on_rank(run.optimizer, groups_of(run, trained.loaded, trained.tuner))
    yield from on_noise(module)
    yield from on_ties(module)
    yield from on_resume(pinned.get("environment", {}), resolved.environment)
