"""Every objective on two stages gives the loss, metrics and gradients of one process, and its answers to whoever asks.

The objectives, models and samples are those that the tests of objectives have.
"""

from __future__ import annotations

import traceback
from dataclasses import fields
from functools import cache

import pytest
import torch

from tests.exact import LIMIT
from tests.objectives.groups import tiny
from tests.objectives.test_properties import OTHERS, SEQUENCES, TOKENS
from tests.objectives.texts import body
from tests.ranks import on_ranks
from tests.sweeps import some
from whet.contracts.model import Capabilities
from whet.data.order.collate import collate
from whet.models.loading.loaded import loaded
from whet.parallel.pipeline.carrier import Carrier
from whet.parallel.pipeline.cut import cut, planned
from whet.parallel.pipeline.stages import stages_of
from whet.parallel.world import World
from whet.train.step.pipelined import PipelineParallel

pytestmark = pytest.mark.ranks
# What learns from tokens. A loss that is computed in float32 somewhere rounds there.
KINDS = {name: pair for name, pair in (TOKENS | SEQUENCES | OTHERS).items() if name != "classify"}
# One with a reference, one that asks beforehand, one with cached gradients; the others are slow.
NOW = ["dpo", "kto", "embedding"]


def on_stages(train, world):
    """The executor with its models cut in two, of which this rank has one."""
    for module, model in [(train.module, train.models.policy), *((m.module, m) for m in train.models.others.values())]:
        if stages_of(module) is None:
            whole = loaded(module, None, Capabilities(), model)
            cut(whole, planned(whole, 2, 1, "1f1b"), world.index("stages"))
    given = {one.name: getattr(train, one.name) for one in fields(train)}
    return PipelineParallel(**{**given, "world": world})


def figures(train, samples, rows):
    batches = [collate([samples[i] for i in row]) for row in rows]
    total, _ = train.weigh(batches, {})
    ledger = train._accumulate(0, batches, total)
    found = {name: p.grad.clone() for name, p in train.module.named_parameters() if p.grad is not None}
    train.optimizer.zero_grad()
    measured, asked = train.measure(batches, total), list(train.ask(batches, frozenset({"hidden"})))
    return train._figures(train._read(ledger, {}), total), measured, found, [one["hidden"] for one in asked]


def told(kind, world=None):
    """What is found of a kind, on one process or on this rank of two."""
    tiny.cache_clear()
    body.cache_clear()
    make, samples = KINDS[kind]
    train, samples = make(), samples()
    half = len(samples) // 2
    rows = [range(half), range(half, len(samples) - 1), [len(samples) - 1]]
    return figures(train if world is None else on_stages(train, world), samples, rows)


def all_of(kinds):
    """What this rank finds of each kind, or how it failed."""
    world, found = World.start("cpu", 60, {"pipeline": 2}), dict.fromkeys(kinds, "an earlier one failed")
    for kind in kinds:
        try:
            found[kind] = told(kind, world)
        except Exception:
            found[kind] = traceback.format_exc()
            break
    return found


@pytest.fixture(scope="module")
def ranks():
    """What ranks find; the slow kinds run apart."""
    return cache(lambda is_now: on_ranks(2, all_of, [kind for kind in KINDS if (kind in NOW) == is_now]))


@pytest.mark.parametrize("kind", some(KINDS, NOW))
def test_an_objective_on_two_stages_is_that_of_one_process(kind, ranks):
    figures, measured, gradients, asked = told(kind)
    seen = set()
    for found in ranks(kind in NOW):
        assert not isinstance(found[kind], str), found[kind]
        assert found[kind][0] == pytest.approx(figures, rel=LIMIT)
        assert found[kind][1] == pytest.approx(measured, rel=LIMIT)
        for states_TD, expected_TD in zip(found[kind][3], asked, strict=True):
            torch.testing.assert_close(states_TD, expected_TD, rtol=LIMIT, atol=LIMIT)
        for name, gradient in found[kind][2].items():
            torch.testing.assert_close(gradient, gradients[name], rtol=LIMIT, atol=LIMIT)
            seen.add(name)
    assert seen == gradients.keys()


def sent(kind):
    """The bytes that this rank sends to another stage in a step, and tokens x width of the step."""
    train, total = on_stages(KINDS[kind][0](), World.start("cpu", 60, {"pipeline": 2})), []
    batches = [collate([sample]) for sample in KINDS[kind][1]()]
    real = Carrier.send
    Carrier.send = lambda self, tensor, rank: (total.append(tensor.nbytes), real(self, tensor, rank))
    train._accumulate(0, batches, train.weigh(batches, {})[0])
    return sum(total), sum(batch.num_tokens for batch in batches) * train.module.config.hidden_size


def test_stages_send_states_of_every_model_and_gradients_of_one():
    """In float64: 8 bytes a number; the reference's states go along with the policy's."""
    (states, numbers), (gradients, _) = on_ranks(2, sent, "dpo")
    assert (states, gradients) == (2 * 8 * numbers, 8 * numbers)
