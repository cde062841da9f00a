"""KTO: against plain PyTorch, split in any way, with a baseline over the whole step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.objectives.groups import SINGLE, VOCAB, assert_same, executor, figures, splits, tiny
from whet.contracts.sample import Sample
from whet.data.order.collate import collate, dummy
from whet.data.order.kto_baseline import Mismatched

BETA = 0.2
SEEDS = (0, 4, 9, 24)
SHAPES = [(6, 5), (2, 7), (9, 1), (4, 6), (12, 3)]


class Rows(list):
    """Samples as a data set."""

    lengths = trained = rows = np.zeros(0)


def marked(seed=0, labels=(1, 0, 1, 1, 0)):
    """Prompts with a reply and its mark, each with the reply of another as its baseline."""
    rng = np.random.default_rng(seed)
    rows = Rows()
    for (prompt, reply), label in zip(SHAPES, labels, strict=True):
        weights = np.array([0.0] * prompt + [1.0] * reply, np.float32)
        ids = rng.integers(1, VOCAB, len(weights)).astype(np.int32)
        rows.append(Sample(ids, weights, {"label": label}))
    data = Mismatched(rows, None)
    return [data[i] for i in range(len(rows))]


def ratio(sample):
    """log p of the trained tokens under the policy minus that under the reference, by transformers alone."""
    ids, weights = torch.tensor(sample.ids).long(), torch.tensor(sample.weights)[1:]
    logps = []
    for seed in (3, 4):
        logits = tiny(seed).module(input_ids=ids[None]).logits[0, :-1]
        logps.append((torch.log_softmax(logits, -1).gather(1, ids[1:, None])[:, 0] * weights).sum())
    return logps[0] - logps[1].detach()


def expected(samples, desirable=1.0, undesirable=1.0):
    with torch.no_grad():
        baseline = torch.stack([ratio(sample.streams["baseline"]) for sample in samples]).mean().clamp(min=0)
    losses = []
    for sample in samples:
        if sample.fields["label"]:
            losses.append(desirable * (1 - torch.sigmoid(BETA * (ratio(sample) - baseline))))
        else:
            losses.append(undesirable * (1 - torch.sigmoid(BETA * (baseline - ratio(sample)))))
    loss = torch.stack(losses).mean()
    module = tiny(3).module
    module.zero_grad()
    loss.backward()
    gradients = {name: p.grad.clone() for name, p in module.named_parameters()}
    module.zero_grad()
    return {"loss": loss.item(), "baseline": baseline.item()}, gradients


@pytest.mark.parametrize("seed", SEEDS)
def test_kto_and_its_gradients_equal_plain_pytorch(seed):
    samples = marked(seed)
    reference = expected(samples)
    found = figures(executor("kto", beta=BETA), [samples[:3], samples[3:]])
    assert_same(found, reference)
    assert found[0]["baseline"] == pytest.approx(reference[0]["baseline"], rel=1e-4, abs=1e-6)


def test_the_seeds_above_try_a_baseline_of_zero_and_others():
    found = [expected(marked(seed))[0]["baseline"] for seed in SEEDS]
    assert min(found) == 0 < max(found)


TRAIN = executor("kto", beta=BETA)


@st.composite
def orders(draw):
    return draw(st.permutations(range(5))), sorted(draw(st.sets(st.integers(1, 4))))


@settings(max_examples=12)
@given(split=orders(), seed=st.sampled_from(SEEDS))
def test_any_split_gives_the_same_loss_and_gradients_baseline_included(split, seed):
    samples = marked(seed)
    assert_same(figures(TRAIN, splits(samples, *split)), figures(TRAIN, [samples]))


def test_stored_values_stand_for_the_reference():
    samples = marked(9)
    values = TRAIN.objective.refer(TRAIN.models["reference"], collate(samples))
    stored = [
        replace(s, fields={**s.fields, **{name: column[i].item() for name, column in values.items()}})
        for i, s in enumerate(samples)
    ]
    alone = replace(TRAIN, models=type(TRAIN.models)(TRAIN.models.policy))
    assert_same(figures(alone, [stored]), figures(TRAIN, [samples]), SINGLE)


def test_each_weight_scales_the_gradient_of_its_own_replies():
    samples = marked(9)
    _, both = figures(TRAIN, [samples])
    _, good = figures(executor("kto", beta=BETA, undesirable=0.0), [samples])
    _, bad = figures(executor("kto", beta=BETA, desirable=0.0), [samples])
    found = figures(executor("kto", beta=BETA, desirable=2.0, undesirable=0.5), [samples])[1]
    for name in both:
        torch.testing.assert_close(good[name] + bad[name], both[name], rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(2 * good[name] + 0.5 * bad[name], found[name], rtol=1e-4, atol=1e-6)


def test_an_idle_rank_changes_neither_loss_nor_baseline():
    samples = marked(9)
    batches = [collate(samples), dummy(samples[0])]
    total, _ = TRAIN.weigh(batches, {})
    found = TRAIN._figures(TRAIN._read(TRAIN._accumulate(0, batches, total), {}), total)
    TRAIN.optimizer.zero_grad()
    assert found["loss"] == pytest.approx(figures(TRAIN, [samples])[0]["loss"], rel=1e-7)


def test_a_baseline_has_the_prompt_of_one_and_the_reply_of_another():
    rows = Rows(Sample(np.array(ids, np.int32), np.array(w, np.float32)) for ids, w in (
        ([1, 2, 3], [0, 0, 1]), ([4, 5, 6], [0, 1, 1]), ([7, 8], [0, 1]), ([9, 10, 11, 12], [0, 0, 1, 0]),
    ))  # fmt: skip
    found = [Mismatched(rows, limit)[i].streams["baseline"] for limit, i in ((None, 0), (None, 1), (2, 1), (None, 2))]
    assert [f.ids.tolist() for f in found] == [[1, 2, 8], [4, 11, 12], [4, 11], [7, 3]]
    assert [f.weights.tolist() for f in found] == [[0, 0, 1], [0, 1, 0], [0, 1], [0, 1]]
