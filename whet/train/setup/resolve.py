"""Resolve what is `auto` once, on all ranks alike, and note the environment; a resumed run takes the pinned values."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import torch

from whet.base.errors import ConfigError, WhetError
from whet.base.seeds import forked
from whet.base.step_size import BATCH_SAMPLES, step_tokens
from whet.base.units import size
from whet.contracts.batch import Batch
from whet.contracts.model import Loaded
from whet.data.order.collate import collate
from whet.plan.auto import AtOnce, Budget, tokens_at_once
from whet.train.setup.foretold import job_of
from whet.train.setup.notices import environment
from whet.train.setup.precision import computed
from whet.train.setup.sources import Feed
from whet.train.setup.trained import Trained
from whet.train.step.memory import SHARE, free_bytes, largest_micro_batch

# Tokens that the example of any objective can be made of.
_SHORTEST = 8


@dataclass(frozen=True, slots=True)
class Resolved:
    """What the run does where its config says `auto`; `mesh` are its axes where the plan chose them, and `why` holds
    the words for what was chosen, by setting."""

    micro_batch: int
    precision: str
    environment: dict[str, Any]
    reference: str | None = None
    mesh: dict[str, int] | None = None
    why: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def resolve(trained: Trained, fed: Feed, pinned: Mapping[str, Any], reference: str | None) -> Resolved:
    """The pinned values where there are any; else the config's, else planned or measured ones that all ranks hold."""
    run, world = trained.run, trained.world
    precision, now = computed(run, world.device), environment(world.count("all"))
    mesh = {name: size for name, size in world.sizes.items() if size > 1} if run.parallel.mesh == "auto" else None
    if "micro_batch" in pinned:
        why = dict(pinned.get("why") or {})
        return Resolved(pinned["micro_batch"], precision, now, reference, mesh, why)
    wanted = run.train.micro_batch
    if wanted != "auto":
        return Resolved(max(wanted, fed.longest), precision, now, reference, mesh)
    found = _found(trained, fed)
    tokens = -int(world.largest([-float(found.tokens)])[0])
    less = "" if tokens == found.tokens else f"; another rank holds {tokens:,}, so all take that"
    why = {"train.micro_batch": found.words + less} if found.words else {}
    return Resolved(max(tokens, fed.longest), precision, now, reference, mesh, why)


def _found(trained: Trained, fed: Feed) -> AtOnce:
    """Tokens (or samples) at once: planned where formulas tell of the run, else measured."""
    run, world = trained.run, trained.world
    if not trained.loaded.capabilities.tokens:
        return AtOnce(run.train.batch_samples or BATCH_SAMPLES, "")
    batch = fed.step_tokens or step_tokens(run.train, fed.longest)
    job = job_of(trained, fed.longest, fed.longest)
    with suppress(WhetError):  # sizes that no plan is made for
        if job is not None:
            return tokens_at_once(replace(job, step_tokens=batch), _free(world.device))
    limit = -(-batch // world.count("data"))
    found = _measured(trained, fed, limit)
    told = "a step has no more on a rank" if found >= limit else "measured, as no formulas tell of this run"
    return AtOnce(found, f"train.micro_batch=auto is {found:,} tokens at once: {told}")


def _free(device: torch.device) -> Budget:
    share, free = SHARE[device.type], free_bytes(device, _ranks_here())
    return Budget(share * free, f"{share:.0%} of {size(free)}")


def _ranks_here() -> int:
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def _measured(trained: Trained, fed: Feed, limit: int) -> int:
    def measure(num_tokens: int) -> None:
        batch = measured_batch(trained, fed, num_tokens)
        with forked(0, "measure"):
            trained.executor.gradients([batch])
            trained.executor.abort()

    return largest_micro_batch(measure, trained.world.device, limit, fed.longest, _ranks_here())


def measured_batch(trained: Trained, fed: Feed, num_tokens: int) -> Batch:
    """A made-up batch of about `num_tokens` that costs what one of the run's costs, of samples as long as its longest.

    A rest that is too short for an example of every objective is left out.
    """
    vocab, parts = _vocab(trained.loaded), range(0, num_tokens, fed.longest)
    lengths = [min(fed.longest, num_tokens - start) for start in parts]
    ids = [
        (np.arange(start, start + length) * 7919 % vocab).astype(np.int32)
        for start, length in zip(parts, lengths, strict=True)
        if start == 0 or length >= _SHORTEST
    ]
    return collate([fed.example(own) for own in ids], shared=trained.loaded.capabilities.shares)


def _vocab(model: Loaded) -> int:
    if model.vocab is None:
        raise ConfigError(
            "the model has no table of token embeddings, so samples to measure with cannot be made up",
            at="train.micro_batch",
            hint="train.micro_batch=8192",
        )
    return model.vocab
