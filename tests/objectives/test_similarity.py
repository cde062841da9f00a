"""CoSENT and the squared error: against plain PyTorch, and CoSENT split in any way."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.objectives.groups import assert_same, executor, figures, splits
from tests.objectives.texts import body, cosines, drawn, embedded, group, texts_of, with_gradients
from whet.base.errors import DataError

SCORES = (0.9, 0.1, 0.5, 0.5, 0.0)
SAMPLES = [group(drawn(i, 3 + i, 6 - i), score=[score] * 2) for i, score in enumerate(SCORES)]


def cosine_of(module, sample):
    first, second = (embedded(module, text) for text in texts_of(sample))
    return cosines(first[None], second[None])[0, 0]


def test_cosent_equals_plain_pytorch():
    module = body().module
    found = [cosine_of(module, sample) for sample in SAMPLES]
    wrong = [(a - b) / 0.1 for i, a in enumerate(found) for j, b in enumerate(found) if SCORES[i] < SCORES[j]]
    loss = torch.log(1 + torch.stack(wrong).exp().sum())
    train = executor("similarity", policy=body(), temperature=0.1)
    assert_same(figures(train, [SAMPLES[:2], SAMPLES[2:]]), with_gradients(module, loss))


def test_the_squared_error_equals_plain_pytorch():
    module = body().module
    found = torch.stack([cosine_of(module, sample) for sample in SAMPLES])
    loss = (found - torch.tensor(SCORES).double() / 2).square().mean()
    train = executor("similarity", policy=body(), loss="cosine", highest=2.0)
    assert_same(figures(train, [SAMPLES[:2], SAMPLES[2:]]), with_gradients(module, loss))


@settings(max_examples=5)
@given(order=st.permutations(range(5)), cuts=st.sets(st.integers(1, 4)))
def test_any_split_of_the_pairs_gives_the_same_loss_and_gradients(order, cuts):
    train = executor("similarity", policy=body(), matryoshka=(8,))
    assert_same(figures(train, splits(SAMPLES, order, sorted(cuts))), figures(train, [SAMPLES]))


def test_a_score_that_no_cosine_reaches_is_refused():
    with pytest.raises(DataError, match="highest") as error:
        figures(executor("similarity", policy=body(), loss="cosine", highest=0.5), [SAMPLES])
    assert error.value.hint == "objective.highest=0.9"
