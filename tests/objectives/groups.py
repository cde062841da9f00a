"""Groups of replies and a tiny model that the tests of this room share."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import torch

from tests.exact import LIMIT, exact
from tests.tiny import LLAMA
from whet.base.catalogue import model_source, objective, optimizer, tuner
from whet.contracts.model import Head, Loaded, Models
from whet.contracts.sample import Sample
from whet.data.order.collate import collate
from whet.models.features.value_head import ValueHead
from whet.models.loading.context import BuildContext
from whet.models.loading.fill import filled
from whet.optim.adapted import adapted
from whet.optim.groups import ParamGroups
from whet.parallel.world import World
from whet.train.step.executor import DataParallel
from whet.train.step.frozen import Frozen

VOCAB = 60
# What one side stores, or transformers computes, in float32: its rounding is 6e-8, and a wrong formula far more.
SINGLE = 1e-5
# Tokens of the prompt, and of each reply.
SHAPES = [(6, (5, 3)), (2, (7, 7)), (9, (1, 4)), (4, (6, 2)), (12, (3, 8))]


def group(prompt: Sequence[int], replies: Sequence[Sequence[int]], **fields: Any) -> Sample:
    """A prompt and replies of which every token is trained; each branch begins with the prompt's last token."""
    shared, last = list(prompt[:-1]), prompt[-1]
    ids = [*shared, *(token for reply in replies for token in (last, *reply))]
    weights = [0.0] * len(shared) + [w for reply in replies for w in (0.0, *([1.0] * len(reply)))]
    cuts = np.cumsum([len(shared), *(len(reply) + 1 for reply in replies[:-1])]).tolist()
    return Sample(np.array(ids, np.int32), np.array(weights, np.float32), fields, None, tuple(cuts))


def groups(seed: int = 0, shapes: Sequence[tuple[int, Sequence[int]]] = SHAPES) -> list[Sample]:
    """Random tokens, never 0, in groups of these shapes."""
    rng = np.random.default_rng(seed)

    def draw(n: int) -> list[int]:
        return rng.integers(1, VOCAB, n).tolist()

    return [group(draw(prompt), [draw(n) for n in replies]) for prompt, replies in shapes]


def built(seed: int = 3, *, head: Head | None = None, values: bool = False, **config: Any) -> Loaded:
    """A llama in float64 with random weights, wide enough that replies differ."""
    init = {**LLAMA, "vocab_size": VOCAB, "initializer_range": 0.2, **config}
    context = BuildContext(
        seed=seed, tuner=tuner.get("full").build(), head=head, features=(ValueHead(),) if values else ()
    )
    return exact(filled(model_source.get("hf").build(context, init=init)))


@cache
def tiny(seed: int) -> Loaded:
    """One of `built` that tests share."""
    return built(seed)


def executor(kind: str, *, policy: Loaded | None = None, **settings: Any) -> DataParallel:
    """A lone rank with a fresh policy, whose reference has other weights."""
    loaded, other = policy or tiny(3), tiny(4)
    update = adapted(optimizer.get("sgd").build(ParamGroups.of(loaded.module, loaded.roles), lr=0.0))
    models = Models(loaded.model, {"reference": Frozen(other.module, other.model)})
    build = objective.get(kind).build(**settings)
    return DataParallel(World(torch.device("cpu")), models, build, update, loaded.module, 0, 0.0, None)


def figures(train: DataParallel, rows: Sequence[Sequence[Sample]], shared: bool = True):
    """The step's figures, and each parameter's gradient, over micro-batches that hold these samples."""
    batches = [collate(row, shared=shared) for row in rows]
    total, _ = train.weigh(batches, {})
    ledger = train._accumulate(0, batches, total)
    found = {name: p.grad.clone() for name, p in train.module.named_parameters()}
    train.optimizer.zero_grad()
    return train._figures(train._read(ledger, {}), total), found


def assert_same(found, expected, limit: float = LIMIT) -> None:
    """Law 1's measure: the loss to `limit`, and each tensor's gradient by its norm."""
    assert abs(found[0]["loss"] - expected[0]["loss"]) <= limit * max(abs(expected[0]["loss"]), 1e-3)
    norm = torch.stack([g.norm() for g in expected[1].values()]).norm()
    for name, gradient in found[1].items():
        allowed = limit * max(expected[1][name].norm(), 1e-3 * norm)
        assert (gradient - expected[1][name]).norm() <= allowed, name


def splits(samples: Sequence[Sample], order: Sequence[int], cuts: Sequence[int]) -> list[list[Sample]]:
    """The samples in another order, cut into rows."""
    edges = [0, *sorted(cuts), len(samples)]
    return [[samples[i] for i in order[a:b]] for a, b in zip(edges, edges[1:], strict=False)]
