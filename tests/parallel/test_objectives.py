"""Every objective on ranks that share layers or tokens gives the loss, metrics and gradients of one process.

The objectives, models and samples are those that the tests of objectives have; stages have tests of their own.
"""

from __future__ import annotations

import traceback
from dataclasses import replace
from functools import cache
from itertools import product

import pytest
import torch
from torch.distributed.tensor import DTensor

from tests.exact import LIMIT
from tests.objectives.groups import tiny
from tests.objectives.test_classes import classifier
from tests.objectives.test_ranking import scorer
from tests.objectives.texts import body
from tests.parallel.pipeline.test_objectives import KINDS
from tests.ranks import on_ranks
from tests.sweeps import some
from whet.base.parallel import Parallel
from whet.contracts.model import Capabilities
from whet.data.order.collate import collate
from whet.models.loading.loaded import loaded
from whet.parallel.shard import shard
from whet.parallel.world import World

pytestmark = pytest.mark.ranks
MESHES = {
    "tensor": Parallel(tensor=2), "sequence": Parallel(tensor=2, sequence=True), "context": Parallel(context=2),
    "ring": Parallel(context=2, context_by="ring"),
}  # fmt: skip
GRID = list(product(KINDS, MESHES))
# A reward's head, texts whose gradients are cached, a teacher that is asked, and answers; the others are slow.
NOW = [("reward", "ring"), ("embedding", "context"), ("distill", "sequence"), ("grpo", "tensor")]


def on_mesh(train, world, settings):
    """The executor with its models cut over the ranks."""
    others = ((model.module, model) for model in train.models.others.values())
    for module, model in [(train.module, train.models.policy), *others]:
        shard(loaded(module, None, Capabilities(), model), world, settings, ("whet_run",))
    return replace(train, world=world)


def told(kind, world=None, settings=None):
    """Figures of a step, what is measured, each gradient, and hidden states that are asked for."""
    for made in (tiny, body, classifier, scorer):  # by an earlier case, which has cut it
        made.cache_clear()
    make, samples = KINDS[kind]
    train, samples = make(), samples()
    if world is not None:
        train = on_mesh(train, world, settings)
    half = len(samples) // 2
    batches = [collate([samples[i] for i in row]) for row in (range(half), range(half, len(samples)))]
    total, _ = train.weigh(batches, {})
    ledger = train._accumulate(0, batches, total)
    grads = {name: p.grad for name, p in train.module.named_parameters() if p.grad is not None}
    found = {name: g.full_tensor() if isinstance(g, DTensor) else g.clone() for name, g in grads.items()}
    train.module.zero_grad()
    asked = [one["hidden"] for one in train.ask(batches, frozenset({"hidden"}))]
    return train._figures(train._read(ledger, {}), total), train.measure(batches, total), found, asked


def all_of(cases):
    """What this rank finds of each case, or how it failed."""
    worlds = {axis: World.start("cpu", 60, {"shard": 1, axis: 2}) for axis in ("tensor", "context")}
    found = dict.fromkeys(cases, "an earlier one failed")
    for kind, mesh in cases:
        settings = MESHES[mesh]
        try:
            found[kind, mesh] = told(kind, worlds["tensor" if settings.tensor > 1 else "context"], settings)
        except Exception:
            found[kind, mesh] = traceback.format_exc()
            break
    return found


@pytest.fixture(scope="module")
def ranks():
    """What ranks find; the slow cases run apart."""
    return cache(lambda is_now: on_ranks(2, all_of, [case for case in GRID if (case in NOW) == is_now]))


@pytest.fixture(scope="module")
def alone():
    return cache(told)


@pytest.mark.parametrize(("kind", "mesh"), some(GRID, NOW))
def test_an_objective_on_a_mesh_is_that_of_one_process(kind, mesh, ranks, alone):
    figures, measured, gradients, asked = alone(kind)
    for found in ranks((kind, mesh) in NOW):
        assert not isinstance(found[kind, mesh], str), found[kind, mesh]
        own_figures, own_measured, own_gradients, own_asked = found[kind, mesh]
        assert own_figures == pytest.approx(figures, rel=LIMIT)
        assert own_measured == pytest.approx(measured, rel=LIMIT)
        for states_TD, expected_TD in zip(own_asked, asked, strict=True):
            torch.testing.assert_close(states_TD, expected_TD, rtol=LIMIT, atol=LIMIT)
        assert own_gradients.keys() == gradients.keys()
        for name, gradient in own_gradients.items():
            torch.testing.assert_close(gradient, gradients[name], rtol=LIMIT, atol=LIMIT, msg=name)
