"""DFT and entropy-weighted fine-tuning: against plain PyTorch, split in any way."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.objectives.groups import VOCAB, assert_same, executor, figures, splits, tiny
from whet.contracts.sample import Sample


def samples(seed=0):
    rng = np.random.default_rng(seed)
    sizes = (5, 9, 3, 12)
    draw = [(rng.integers(1, VOCAB, n), rng.choice([0.0, 0.5, 1.0], n)) for n in sizes]
    return [Sample(ids.astype(np.int32), weights.astype(np.float32)) for ids, weights in draw]


def expected(weighting, rows):
    """The definition, over the model's own logits of each sample."""
    module, parts = tiny(3).module, []
    for sample in rows:
        ids, weights = torch.tensor(sample.ids).long(), torch.tensor(sample.weights)[1:].double()
        logprobs = torch.log_softmax(module(input_ids=ids[None]).logits[0, :-1], -1).double()
        parts.append((logprobs.gather(1, ids[1:, None])[:, 0], -(logprobs.exp() * logprobs).sum(-1), weights))
    logp, entropy, weights = (torch.cat(column) for column in zip(*parts, strict=True))
    factor = logp.exp() if weighting == "dft" else entropy / ((entropy * weights).sum() / weights.sum())
    loss = -(weights * factor.detach() * logp).sum() / weights.sum()
    module.zero_grad()
    loss.backward()
    gradients = {name: p.grad.clone() for name, p in module.named_parameters()}
    module.zero_grad()
    return {"loss": loss.item()}, gradients


WAYS = ("dft", "entropy")
TRAIN = {way: executor("sft", weighting=way) for way in WAYS}


@pytest.mark.parametrize("way", WAYS)
def test_the_loss_and_its_gradients_equal_the_definition(way):
    assert_same(figures(TRAIN[way], [samples()]), expected(way, samples()))


@settings(max_examples=10)
@given(order=st.permutations(range(4)), cuts=st.sets(st.integers(1, 3)), way=st.sampled_from(WAYS))
def test_any_split_gives_the_same_loss_and_gradients(order, cuts, way):
    assert_same(figures(TRAIN[way], splits(samples(1), order, sorted(cuts))), figures(TRAIN[way], [samples(1)]))
