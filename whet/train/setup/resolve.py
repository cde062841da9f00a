"""Resolve what is `auto` once, on all ranks alike, and note the environment; a resumed run takes the pinned values."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from whet.base.errors import ConfigError
from whet.base.seeds import forked
from whet.base.step_size import BATCH_SAMPLES, step_tokens
from whet.contracts.batch import Batch
from whet.contracts.model import Loaded
from whet.data.order.collate import collate
from whet.train.setup.notices import environment
from whet.train.setup.precision import computed
from whet.train.setup.sources import Feed
from whet.train.setup.trained import Trained
from whet.train.step.memory import largest_micro_batch

# Tokens that the example of any objective can be made of.
_SHORTEST = 8


@dataclass(frozen=True, slots=True)
class Resolved:
    """What the run does where its config says `auto`."""

    micro_batch: int
    precision: str
    environment: dict[str, Any]
    reference: str | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def resolve(trained: Trained, fed: Feed, pinned: Mapping[str, Any], reference: str | None) -> Resolved:
    """The pinned values where there are any; else the config's, else measured ones that all ranks can hold."""
    run, world = trained.run, trained.world
    precision, now = computed(run, world.device), environment(world.count("all"))
    if "micro_batch" in pinned:
        return Resolved(pinned["micro_batch"], precision, now, reference)
    wanted = run.train.micro_batch
    if wanted == "auto":
        wanted = _measured(trained, fed)
    return Resolved(max(wanted, fed.longest), precision, now, reference)


def _measured(trained: Trained, fed: Feed) -> int:
    run, world = trained.run, trained.world
    if not trained.loaded.capabilities.tokens:
        return run.train.batch_samples or BATCH_SAMPLES

    def measure(num_tokens: int) -> None:
        batch = measured_batch(trained, fed, num_tokens)
        with forked(0, "measure"):
            trained.executor.gradients([batch])
            trained.executor.abort()

    batch = fed.step_tokens or step_tokens(run.train, fed.longest)
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    found = largest_micro_batch(measure, world.device, -(-batch // world.count("data")), fed.longest, here)
    return -int(world.largest([-float(found)])[0])


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
