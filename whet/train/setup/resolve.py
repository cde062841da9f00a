"""Resolve what is `auto` once, on all ranks alike, and note the environment; a resumed run takes the pinned values."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from whet.base.errors import ConfigError
from whet.base.facts import ObjectiveFacts
from whet.base.seeds import forked
from whet.contracts.batch import Batch
from whet.contracts.model import Loaded
from whet.contracts.objective import traits_of
from whet.contracts.sample import Sample
from whet.data.order.collate import collate
from whet.train.setup.chosen import facts_of
from whet.train.setup.notices import environment
from whet.train.setup.precision import autocast_dtype
from whet.train.setup.sources import BATCH_SAMPLES, BATCH_TOKENS, Feed
from whet.train.setup.trained import Trained
from whet.train.step.memory import largest_micro_batch


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
    precision = (
        "bf16" if autocast_dtype(run, world.device) else {"bf16-pure": "bf16-pure"}.get(run.train.precision, "fp32")
    )
    now = environment(world.count("all"))
    if "micro_batch" in pinned:
        return Resolved(pinned["micro_batch"], precision, now, reference)
    wanted = run.train.micro_batch
    if wanted == "auto":
        wanted = _measured(trained, fed)
    return Resolved(max(wanted, fed.longest), precision, now, reference)


def _measured(trained: Trained, fed: Feed) -> int:
    run, world = trained.run, trained.world
    samples, tokens = run.train.batch_samples, run.train.batch_tokens or BATCH_TOKENS
    if not trained.loaded.capabilities.tokens:
        return samples or BATCH_SAMPLES

    def measure(num_tokens: int) -> None:
        batch = measured_batch(trained, fed, num_tokens)
        with forked(0, "measure"):
            trained.executor.gradients([batch])
            trained.executor.abort()

    batch = fed.step_tokens or (samples * fed.longest if samples else tokens)
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    found = largest_micro_batch(measure, world.device, -(-batch // world.count("data")), fed.longest, here)
    return -int(world.largest([-float(found)])[0])


def measured_batch(trained: Trained, fed: Feed, num_tokens: int) -> Batch:
    """A batch of about `num_tokens` that costs what one of the run's costs: made up, or its longest sample again."""
    if traits_of(trained.objective).reading is not None:
        likely = _longest(fed)
        measured = [likely] * max(1, num_tokens // likely.num_tokens)
    else:
        made_up = _synthetic(num_tokens, fed, _vocab(trained.loaded), facts_of(trained.run))
        measured = [fed.example(sample) for sample in made_up]
    return collate(measured, shared=trained.loaded.capabilities.shares)


def _vocab(model: Loaded) -> int:
    if model.vocab is None:
        raise ConfigError(
            "the model has no table of token embeddings, so samples to measure with cannot be made up",
            at="train.micro_batch",
            hint="train.micro_batch=8192",
        )
    return model.vocab


def _longest(fed: Feed) -> Sample:
    """The longest sample of the data: labels and roles cannot be made up."""
    data = fed.data["train"]
    return data[int(np.argmax(data.lengths))]


def _synthetic(num_tokens: int, fed: Feed, vocabulary: int, facts: ObjectiveFacts) -> Iterator[Sample]:
    """Samples as long as the longest, as the objective takes them, every token trained: what costs most."""
    longest = fed.longest
    branches = facts.branches
    names = [*facts.fields, *(["reference"] if facts.reference else [])]
    for start in range(0, num_tokens, longest):
        length = min(longest, num_tokens - start)
        if start and length < 2 * branches:
            return
        ids = (np.arange(start, start + length) * 7919 % vocabulary).astype(np.int32)
        if fed.form is not None:
            yield fed.form.example(ids)
            continue
        cuts = tuple(i * length // branches for i in range(branches)) if branches > 1 else ()
        fields = {name: np.zeros(branches) if cuts else 0.0 for name in names}
        weights = np.ones(length, np.float32)
        beside = {name: Sample(ids, weights) for name in facts.streams}
        values = {name: np.zeros(length, np.float32) for name in facts.values}
        yield Sample(ids, weights, fields, None, cuts, beside, values)
