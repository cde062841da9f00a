"""One normalisation (law 1): however the samples of a step are split, the gradient is the same."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exact import LIMIT, rounding
from tests.models.batches import packed, random_samples
from tests.parallel.test_shard import executor
from whet.base.parallel import Parallel
from whet.parallel.world import World

LENGTHS = [9, 17, 4, 23, 11, 6, 14, 2]


@pytest.fixture(scope="module")
def train():
    return executor(World(torch.device("cpu")), Parallel())


@pytest.fixture(scope="module")
def single():
    """The same in float32, as runs have it."""
    return executor(World(torch.device("cpu")), Parallel(), is_exact=False)


def gradients(train, rows, weights):
    """Loss, and each parameter's gradient, over micro-batches that hold the samples `rows` name."""
    samples = random_samples(LENGTHS, 100)
    batches = [packed([samples[i] for i in row], [weights[i] for i in row]) for row in rows]
    total, _ = train.weigh(batches, {})
    ledger = train._accumulate(0, batches, total)
    found = {name: p.grad.clone() for name, p in train.module.named_parameters()}
    train.optimizer.zero_grad()
    return train._figures(train._read(ledger, {}), total)["loss"], found


@st.composite
def splits(draw):
    order = draw(st.permutations(range(len(LENGTHS))))
    cuts = sorted(draw(st.sets(st.integers(1, len(LENGTHS) - 1))))
    return [list(order[a:b]) for a, b in zip([0, *cuts], [*cuts, len(order)], strict=True)]


@settings(max_examples=25)
@given(rows=splits(), seed=st.integers(0, 3))
def test_any_split_of_the_samples_gives_the_same_loss_and_gradients(train, rows, seed):
    generator = torch.Generator().manual_seed(seed)
    weights = [
        (torch.rand(n, generator=generator) * (torch.rand(n, generator=generator) > 0.4)).tolist() for n in LENGTHS
    ]
    assert_same(gradients(train, rows, weights), gradients(train, [list(range(len(LENGTHS)))], weights), LIMIT)


def assert_same(found, expected, limit):
    """The law's measure: the loss, and each tensor's gradient by its norm."""
    assert found[0] == pytest.approx(expected[0], rel=limit)
    norm = torch.stack([g.norm() for g in expected[1].values()]).norm()
    for name, gradient in found[1].items():
        allowed = limit * max(expected[1][name].norm(), 1e-3 * norm)
        assert (gradient - expected[1][name]).norm() <= allowed, name


def test_float32_differs_by_no_more_than_its_sums_round(single):
    """A gradient goes through sums over the vocabulary, and in each of two layers over width, heads and tokens."""
    weights = [[1.0] * n for n in LENGTHS]
    width, inner, vocab, tokens = 32, 64, 100, sum(LENGTHS)
    limit = rounding(vocab, tokens, *[width, width, inner, max(LENGTHS)] * 2)
    whole = gradients(single, [list(range(len(LENGTHS)))], weights)
    for rows in ([[i] for i in range(8)], [[3, 0, 1], [7, 2], [6, 5, 4]]):
        assert_same(gradients(single, rows, weights), whole, limit)


def test_the_loss_is_the_weighted_mean_over_the_whole_step_and_not_a_mean_of_means(train):
    """By hand: transformers' own logits of each sample alone, all trained tokens together."""
    samples = random_samples(LENGTHS, 100)
    loss, _ = gradients(train, [[0, 1, 2, 3, 4, 5, 6], [7]], [[1.0] * n for n in LENGTHS])
    with torch.no_grad():
        logits = [train.module(torch.tensor([s])).logits[0, :-1].double() for s in samples]
    each = torch.cat(
        [
            torch.nn.functional.cross_entropy(x, torch.tensor(s[1:]), reduction="none")
            for x, s in zip(logits, samples, strict=True)
        ]
    )
    assert loss == pytest.approx(each.mean().item(), rel=LIMIT)
