"""Resolve what is `auto` once, on all ranks alike, and note the environment; a resumed run takes the pinned values."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import Any

import torch

from whet.base.run import Run
from whet.base.seeds import forked
from whet.contracts.batch import Batch, Segment, Stream
from whet.contracts.model import Loaded
from whet.parallel.world import World
from whet.train.executor import Executor
from whet.train.feed import BATCH_SAMPLES, BATCH_TOKENS, Feed
from whet.train.memory import largest_micro_batch
from whet.train.notices import environment


@dataclass(frozen=True, slots=True)
class Resolved:
    """What the run does where its config says `auto`."""

    micro_batch: int
    precision: str
    environment: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def resolve(run: Run, world: World, fed: Feed, executor: Executor, model: Loaded, pinned: dict[str, Any]) -> Resolved:
    """The pinned values where there are any; else the config's, else measured ones that all ranks can hold."""
    precision = "bf16" if executor.autocast else {"bf16-pure": "bf16-pure"}.get(run.train.precision, "fp32")
    now = environment(world.size)
    if "micro_batch" in pinned:
        return Resolved(pinned["micro_batch"], precision, now)
    wanted = run.train.micro_batch
    if wanted == "auto":
        wanted = _measured(run, world, fed, executor, model)
    return Resolved(max(wanted, fed.longest), precision, now)


def _measured(run: Run, world: World, fed: Feed, executor: Executor, model: Loaded) -> int:
    samples, tokens = run.train.batch_samples, run.train.batch_tokens or BATCH_TOKENS
    if not model.capabilities.tokens:
        return samples or BATCH_SAMPLES
    module: Any = model.module
    vocabulary = module.get_input_embeddings().weight.shape[0]

    def measure(num_tokens: int) -> None:
        batch = _synthetic(num_tokens, fed.longest, vocabulary)
        with forked(0, "measure"):
            executor.rehearse([batch])

    batch = samples * fed.longest if samples else tokens
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    found = largest_micro_batch(measure, world.device, -(-batch // world.size), fed.longest, here)
    return -int(world.largest([-float(found)])[0])


def _synthetic(num_tokens: int, longest: int, vocabulary: int) -> Batch:
    """A batch of random tokens in samples of at most `longest`, every one trained: what costs most."""
    ids = torch.arange(num_tokens) * 7919 % vocabulary
    segments = tuple(Segment(s, min(s + longest, num_tokens)) for s in range(0, num_tokens, longest))
    positions = torch.cat([torch.arange(s.end - s.start) for s in segments])
    return Batch(
        {"text": Stream(ids, positions, segments, ids, torch.ones(num_tokens))},
        len(segments),
        {"weight": torch.ones(len(segments))},
    )
