"""Rerankers: each loss against plain PyTorch, shared beginnings or not, split in any way."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from tests.objectives.groups import assert_same, built, executor, figures, splits
from tests.objectives.texts import drawn, with_gradients
from whet.base.errors import DataError
from whet.contracts.model import Head
from whet.contracts.sample import Sample

LOSSES = ("pointwise", "pairwise", "listwise")
# Tokens of the query, and of each document with its relevance.
QUERIES = [
    (4, [(3, 1), (5, 0)]),
    (2, [(2, 0), (6, 2), (1, 1)]),
    (6, [(4, 0), (2, 2), (3, 0), (5, 1)]),
    (3, [(2, 1)]),
    (5, [(3, 1), (4, 1)]),
]


@cache
def scorer():
    return built(head=Head("sequence", ("relevance",)))


def ranked(seed, query, documents):
    first, *others = drawn(seed, query, *(length for length, _ in documents))
    ids = np.concatenate([np.array(text, np.int32) for text in (first, *others)])
    ends = np.cumsum([len(text) for text in (first, *others)])
    weights = np.zeros(len(ids), np.float32)
    weights[ends[1:] - 1] = 1
    relevance = np.array([grade for _, grade in documents], np.float32)
    return Sample(ids, weights, {"relevance": relevance}, None, tuple(ends[:-1].tolist()), is_in_place=True)


SAMPLES = [ranked(i, *query) for i, query in enumerate(QUERIES)]


def scores_of(sample):
    """The scores of each document behind its query, by transformers alone."""
    shared = sample.ids[: sample.cuts[0]]
    rows = [np.concatenate([shared, sample.ids[at]]) for at in sample.branches]
    return torch.stack([scorer().module(input_ids=torch.tensor(row[None]).long()).logits[0, 0] for row in rows])


def expected(loss):
    terms = []
    for sample in SAMPLES:
        scores, grades = scores_of(sample), torch.tensor(sample.fields["relevance"]).double()
        if loss == "pointwise":
            terms += list(F.binary_cross_entropy_with_logits(scores, grades / 2, reduction="none"))
        elif loss == "pairwise":
            pairs = [(i, j) for i in range(len(grades)) for j in range(len(grades)) if grades[i] > grades[j]]
            terms += [-F.logsigmoid(scores[i] - scores[j]) for i, j in pairs]
        elif grades.max() > grades.min():
            terms.append(-(grades / grades.sum() * torch.log_softmax(scores, 0)).sum())
    return with_gradients(scorer().module, torch.stack(terms).mean())


def learner(loss):
    return executor("reranker", policy=scorer(), loss=loss, **({"highest": 2.0} if loss == "pointwise" else {}))


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("loss", LOSSES)
def test_losses_and_gradients_equal_plain_pytorch(loss, shared):
    assert_same(figures(learner(loss), [SAMPLES[:2], SAMPLES[2:]], shared), expected(loss))


@settings(max_examples=6)
@given(order=st.permutations(range(5)), cuts=st.sets(st.integers(1, 4)), loss=st.sampled_from(LOSSES))
def test_any_split_gives_the_same_loss_and_gradients(order, cuts, loss):
    train = learner(loss)
    assert_same(figures(train, splits(SAMPLES, order, sorted(cuts))), figures(train, [SAMPLES]))


def test_accuracy_is_how_often_a_most_relevant_document_comes_first():
    told = [s for s in SAMPLES if s.fields["relevance"].max() > s.fields["relevance"].min()]
    wins = [s.fields["relevance"][int(scores_of(s).argmax())] == s.fields["relevance"].max() for s in told]
    assert figures(learner("listwise"), [SAMPLES])[0]["accuracy"] == pytest.approx(np.mean(wins))


def test_a_relevance_beyond_certainty_is_refused():
    with pytest.raises(DataError, match="highest") as error:
        figures(executor("reranker", policy=scorer()), [SAMPLES])
    assert error.value.hint == "objective.highest=2"
