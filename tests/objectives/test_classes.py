"""Classes of sequences, of tokens and of steps: losses and gradients of transformers' own classifiers."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.objectives.groups import SINGLE, assert_same, built, executor, figures, splits
from tests.objectives.texts import drawn, with_gradients
from whet.base.catalogue import model_source, tuner
from whet.base.errors import ConfigError
from whet.contracts.model import Head, ParamRole
from whet.contracts.sample import Sample
from whet.models.loading.context import BuildContext
from whet.models.loading.fill import filled

NAMES = ("a", "b", "c")
PROBLEMS = {"single": "single_label_classification", "multi": "multi_label_classification", "regression": "regression"}


@cache
def classifier(kind, problem=None):
    return built(head=Head(kind, NAMES, problem))


def labelled(problem):
    rng = np.random.default_rng(0)
    labels = {
        "single": [0, 2, 1, 1, 2],
        "multi": rng.integers(0, 2, (5, 3)).astype(np.float32),
        "regression": rng.normal(size=(5, 3)).astype(np.float32),
    }[problem]
    samples = []
    for i, label in enumerate(labels):
        ids = np.array(drawn(i, 3 + i)[0], np.int32)
        weights = np.zeros(len(ids), np.float32)
        weights[-1] = 1
        samples.append(Sample(ids, weights, {"label": label}, is_in_place=True))
    return samples


def tagged(kind):
    """Some tokens of each sample have a label: a class, or the chance that a step is right."""
    rng = np.random.default_rng(1)
    samples = []
    for i in range(5):
        ids = np.array(drawn(i, 4 + i)[0], np.int32)
        weights = (rng.random(len(ids)) < 0.6).astype(np.float32)
        weights[-1] = 1
        labels = rng.integers(0, 3, len(ids)) if kind == "token-classification" else rng.integers(0, 2, len(ids)) * 1.0
        samples.append(Sample(ids, weights, {}, values={"label": labels}, is_in_place=True))
    return samples


@pytest.mark.parametrize("problem", PROBLEMS)
def test_sequence_losses_and_gradients_are_transformers_own(problem):
    loaded, samples = classifier("sequence", PROBLEMS[problem]), labelled(problem)
    losses = [
        loaded.module(
            input_ids=torch.tensor(s.ids[None]).long(), labels=torch.tensor(np.asarray(s.fields["label"])[None])
        ).loss
        for s in samples
    ]
    train = executor("sequence-classification", policy=loaded, problem=problem)
    expected = with_gradients(loaded.module, torch.stack(losses).mean())
    assert_same(figures(train, [samples[:2], samples[2:]]), expected, SINGLE)


def test_token_losses_and_gradients_are_transformers_own():
    loaded, samples = classifier("token"), tagged("token-classification")
    logits = torch.cat([loaded.module(input_ids=torch.tensor(s.ids[None]).long()).logits[0] for s in samples])
    labels = np.concatenate([np.where(s.weights > 0, s.values["label"], -100) for s in samples])
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor(labels))
    train = executor("token-classification", policy=loaded)
    found = figures(train, [samples[:2], samples[2:]])
    assert_same(found, with_gradients(loaded.module, loss))
    hits = (logits.argmax(-1) == torch.tensor(labels))[torch.tensor(labels) >= 0]
    assert found[0]["accuracy"] == pytest.approx(hits.double().mean().item())


def test_steps_have_transformers_loss_and_chances_the_soft_one():
    """With labels 0 and 1 at the steps' last tokens; from rows on in test_steps.py, beside TRL in test_trl_steps.py."""
    loaded, samples = built(head=Head("token", ("wrong", "right"))), tagged("process-reward")
    train = executor("process-reward", policy=loaded)
    sums, count = [], 0
    for s in samples:
        labels = torch.tensor(np.where(s.weights > 0, s.values["label"], -100)).long()[None]
        own = int((labels >= 0).sum())
        sums.append(loaded.module(input_ids=torch.tensor(s.ids[None]).long(), labels=labels).loss * own)
        count += own
    expected = with_gradients(loaded.module, torch.stack(sums).sum() / count)
    assert_same(figures(train, [samples[:2], samples[2:]]), expected, SINGLE)
    soft = Sample(samples[0].ids, samples[0].weights, {}, values={"label": samples[0].weights * 0.25}, is_in_place=True)
    logprobs = torch.log_softmax(loaded.module(input_ids=torch.tensor(soft.ids[None]).long()).logits[0], -1)
    by_hand = -(0.75 * logprobs[:, 0] + 0.25 * logprobs[:, 1])[torch.tensor(soft.weights) > 0].mean()
    assert figures(train, [[soft]])[0]["loss"] == pytest.approx(by_hand.item(), rel=1e-5)


def test_rows_of_numbers_have_pytorchs_cross_entropy_and_its_gradients():
    context = BuildContext(seed=3, tuner=tuner.get("full").build())
    loaded = filled(model_source.get("mlp").build(context, features=4, classes=3, hidden=(8,)))
    features, labels = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32), [0, 2, 1, 1, 2]
    nothing = np.zeros(0, np.int32), np.zeros(0, np.float32)
    samples = [Sample(*nothing, {"features": row, "label": at}) for row, at in zip(features, labels, strict=True)]
    loss = torch.nn.functional.cross_entropy(loaded.module(torch.tensor(features)), torch.tensor(labels))
    train = executor("classify", policy=loaded)
    assert_same(figures(train, [samples[:2], samples[2:]]), with_gradients(loaded.module, loss), SINGLE)


@settings(max_examples=8)
@given(order=st.permutations(range(5)), cuts=st.sets(st.integers(1, 4)), tokens=st.booleans())
def test_any_split_gives_the_same_loss_and_gradients(order, cuts, tokens):
    kind = "token-classification" if tokens else "sequence-classification"
    samples = tagged(kind) if tokens else labelled("single")
    train = executor(kind, policy=classifier("token" if tokens else "sequence"))
    assert_same(figures(train, splits(samples, order, sorted(cuts))), figures(train, [samples]))


def test_label_smoothing_is_pytorchs():
    loaded, samples = classifier("sequence"), labelled("single")
    scores = torch.cat([loaded.module(input_ids=torch.tensor(s.ids[None]).long()).logits for s in samples])
    labels = torch.tensor([s.fields["label"] for s in samples])
    expected = torch.nn.functional.cross_entropy(scores, labels, label_smoothing=0.2).item()
    train = executor("sequence-classification", policy=loaded, label_smoothing=0.2)
    assert figures(train, [samples])[0]["loss"] == pytest.approx(expected, rel=1e-6)


def test_heads_are_heads_and_drop_nothing_unasked():
    for kind in ("sequence", "token"):
        loaded = classifier(kind)
        assert loaded.roles["score.weight"] == ParamRole.HEAD and loaded.module.config.id2label[2] == "c"
    assert not any(part.p for part in classifier("token").module.modules() if isinstance(part, torch.nn.Dropout))


@pytest.mark.parametrize(
    "kind, given, says",
    [
        ("sequence-classification", {"problem": "multi", "label_smoothing": 0.1}, "label_smoothing"),
        ("sequence-classification", {"problem": "regression", "labels": ("a",)}, "names"),
        ("sequence-classification", {"template": "{first}"}, "second"),
        ("process-reward", {"separator": ""}, "closes"),
        ("reranker", {"template": "{document} {query}"}, "document"),
        ("reranker", {"loss": "listwise", "highest": 2.0}, "highest"),
        ("similarity", {"loss": "cosine", "temperature": 0.1}, "temperature"),
    ],
)
def test_settings_that_do_nothing_are_refused(kind, given, says):
    from whet.base.catalogue import objective

    with pytest.raises(ConfigError, match=says) as error:
        objective.get(kind).build(**given)
    assert error.value.hint
