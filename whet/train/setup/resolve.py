"""Resolve what is `auto` once, on all ranks alike, and note the environment; a resumed run takes the pinned values."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from whet.base.errors import ConfigError
from whet.base.facts import ObjectiveFacts
from whet.base.run import Run
from whet.base.seeds import forked
from whet.contracts.batch import Batch
from whet.contracts.executor import Executor
from whet.contracts.model import Loaded
from whet.contracts.objective import Objective, traits_of
from whet.contracts.sample import Sample
from whet.data.order.collate import collate
from whet.data.store.teacher_logits import Teachings
from whet.parallel.world import World
from whet.train.setup.chosen import facts_of
from whet.train.setup.data_source import BATCH_SAMPLES, BATCH_TOKENS, Feed
from whet.train.setup.notices import environment
from whet.train.setup.precision import autocast_dtype
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


def resolve(
    run: Run,
    world: World,
    fed: Feed,
    loss: Objective,
    executor: Executor,
    model: Loaded,
    pinned: dict[str, Any],
    reference: str | None,
) -> Resolved:
    """The pinned values where there are any; else the config's, else measured ones that all ranks can hold."""
    precision = (
        "bf16" if autocast_dtype(run, world.device) else {"bf16-pure": "bf16-pure"}.get(run.train.precision, "fp32")
    )
    now = environment(world.count("all"))
    if "micro_batch" in pinned:
        return Resolved(pinned["micro_batch"], precision, now, reference)
    wanted = run.train.micro_batch
    if wanted == "auto":
        wanted = _measured(run, world, fed, loss, executor, model)
    return Resolved(max(wanted, fed.longest), precision, now, reference)


def _measured(run: Run, world: World, fed: Feed, loss: Objective, executor: Executor, model: Loaded) -> int:
    samples, tokens = run.train.batch_samples, run.train.batch_tokens or BATCH_TOKENS
    if not model.capabilities.tokens:
        return samples or BATCH_SAMPLES

    def measure(num_tokens: int) -> None:
        batch = measured_batch(run, fed, loss, model, num_tokens)
        with forked(0, "measure"):
            executor.gradients([batch])
            executor.abort()

    batch = fed.step_tokens or (samples * fed.longest if samples else tokens)
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    found = largest_micro_batch(measure, world.device, -(-batch // world.count("data")), fed.longest, here)
    return -int(world.largest([-float(found)])[0])


def measured_batch(run: Run, fed: Feed, loss: Objective, model: Loaded, num_tokens: int) -> Batch:
    """A batch of about `num_tokens` that costs what one of the run's costs: made up, or its longest sample again."""
    if traits_of(loss).reading is not None:
        likely = _longest(fed)
        measured = [likely] * max(1, num_tokens // likely.num_tokens)
    else:
        made_up = _synthetic(num_tokens, fed, _vocab(model), facts_of(run))
        measured = [_told(fed, sample) for sample in made_up]
    return collate(measured, shared=model.capabilities.shares)


def _vocab(model: Loaded) -> int:
    if model.vocab is None:
        raise ConfigError(
            "the model has no table of token embeddings, so samples to measure with cannot be made up",
            at="train.micro_batch",
            hint="train.micro_batch=8192",
        )
    return model.vocab


def _told(fed: Feed, sample: Sample) -> Sample:
    """The sample with such values as the real ones bring that a stored teacher has told about."""
    told = fed.annotated["train"].values if "train" in fed.annotated else None
    return replace(sample, values=told.blank(sample.num_tokens)) if isinstance(told, Teachings) else sample


def _longest(fed: Feed) -> Sample:
    """The longest sample of the data: labels and roles cannot be made up."""
    data = fed.annotated["train"]
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
