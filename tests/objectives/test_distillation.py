"""Distillation: losses and gradients against all logits in memory, law 1, and what a stored teacher's tail costs."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.objectives.groups import SINGLE, VOCAB, assert_same, executor, figures, splits, tiny
from whet.base.catalogue import objective
from whet.contracts.model import Divergence, Models
from whet.contracts.sample import Sample
from whet.data.order.collate import collate
from whet.objectives.distillation import TEACHER_IDS, TEACHER_LOGPROBS, log_rest, top_divergence
from whet.train.setup.teacher import Teacher, likeliest

LENGTHS = [9, 4, 12, 2, 7]
CASES = [
    {},
    {"divergence": "reverse_kl"},
    {"divergence": "jsd", "beta": 0.3},
    {"temperature": 2.0, "sft": 0.5},
    {"divergence": "jsd", "temperature": 0.7, "sft": 1.0},
]


def samples(seed=0):
    rng = np.random.default_rng(seed)
    return [
        Sample(rng.integers(1, VOCAB, n).astype(np.int32), (rng.random(n) * (rng.random(n) > 0.3)).astype(np.float32))
        for n in LENGTHS
    ]


def distilling(**case):
    """An executor whose teacher is the other tiny model."""
    chosen = objective.get("distill").settings.model_validate({"teacher": "other", **case})
    train = executor("distill", **chosen.values())
    other = tiny(4)
    object.__setattr__(train, "models", Models(tiny(3).model, {"teacher": Teacher(other.module, other.model)}))
    return train


def stored(rows, top, temperature=1.0):
    """The samples with what their teacher finds likeliest."""
    teacher = tiny(4)
    found = []
    for sample in rows:
        with torch.no_grad():
            logits = teacher.module(torch.tensor(sample.ids[None].astype(np.int64))).logits[0, :-1] / temperature
        best = torch.log_softmax(logits, -1).topk(top, -1)
        ids, logprobs = (np.concatenate([x[:1] * 0, x]) for x in (best.indices.numpy(), best.values.numpy()))
        found.append(replace(sample, values={TEACHER_IDS: ids, TEACHER_LOGPROBS: logprobs}))
    return found


def by_hand(rows, divergence="forward_kl", beta=0.5, temperature=1.0, sft=0.0):
    """Loss and gradients from transformers' own logits, a sample at a time."""
    student, teacher = tiny(3).module, tiny(4).module
    student.zero_grad()
    total, weight = 0.0, 0.0
    for sample in rows:
        ids = torch.tensor(sample.ids[None].astype(np.int64))
        logits = student(ids).logits[0, :-1]
        with torch.no_grad():
            theirs = teacher(ids).logits[0, :-1]
        q, p = torch.softmax(logits / temperature, -1), torch.softmax(theirs / temperature, -1)
        m = beta * p + (1 - beta) * q
        kl = {
            "forward_kl": lambda p=p, q=q: p * (p / q).log(),
            "reverse_kl": lambda p=p, q=q: q * (q / p).log(),
            "jsd": lambda p=p, q=q, m=m: beta * p * (p / m).log() + (1 - beta) * q * (q / m).log(),
        }[divergence]()
        nll = torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="none")
        w = torch.tensor(sample.weights[1:]).double()
        total = total + ((kl.sum(-1) + sft * nll) * w).sum()
        weight += w.sum().item()
    loss = total / weight
    loss.backward()
    found = {name: p.grad.clone() for name, p in student.named_parameters()}
    student.zero_grad()
    return {"loss": loss.item()}, found


@pytest.mark.parametrize("case", CASES, ids=str)
def test_loss_and_gradients_are_those_of_the_definition(case):
    tiny(4).module.zero_grad()
    found = figures(distilling(**case), [samples()])
    assert_same(found, by_hand(samples(), **case))
    assert not any(p.grad is not None for p in tiny(4).module.parameters())


@settings(max_examples=10)
@given(order=st.permutations(range(len(LENGTHS))), cuts=st.sets(st.integers(1, len(LENGTHS) - 1)), top=st.booleans())
def test_any_split_of_a_step_gives_the_same_loss_and_gradients(order, cuts, top):
    case = {"divergence": "jsd", "temperature": 2.0, "sft": 0.5}
    rows = stored(samples(), 8, 2.0) if top else samples()
    whole = figures(distilling(**case), [rows])
    assert_same(figures(distilling(**case), splits(rows, order, list(cuts))), whole)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_all_tokens_stored_are_the_teacher_itself(case):
    rows = stored(samples(), VOCAB, case.get("temperature", 1.0))
    assert_same(figures(distilling(**case), [rows]), by_hand(samples(), **case), SINGLE)


def test_what_is_stored_of_a_reading_is_its_top_by_the_definition():
    rows, teacher = samples(), tiny(4)
    reading = Teacher(teacher.module, teacher.model).prediction(collate(rows))
    ids, logprobs = likeliest(reading, 5, VOCAB, 2.0)
    trained = [np.flatnonzero(s.weights[1:] > 0) + 1 for s in rows]
    expected = stored(rows, 5, 2.0)
    for values, found in ((TEACHER_IDS, ids), (TEACHER_LOGPROBS, logprobs)):
        wanted = np.concatenate([s.values[values][t] for s, t in zip(expected, trained, strict=True)])
        np.testing.assert_allclose(found.numpy(), wanted, atol=1e-5)
    assert likeliest(reading, 5, 20, 1.0)[0].max() < 20


@pytest.mark.parametrize("kind", ["forward_kl", "reverse_kl", "jsd"])
def test_a_bucket_is_never_above_the_exact_divergence_and_nears_it_with_more_tokens(kind):
    generator = torch.Generator().manual_seed(0)
    q, p = (torch.log_softmax(torch.randn(200, 50, generator=generator, dtype=torch.float64), -1) for _ in "qp")
    measure, last = Divergence(kind), torch.zeros(200, dtype=torch.float64)
    for top in (1, 5, 20, 50):
        ids = p.topk(top, -1).indices
        found = top_divergence(q.gather(1, ids), p.gather(1, ids), measure, "bucket")
        assert (found >= last - 1e-12).all()
        last = found
    exact = top_divergence(q, p, measure, "bucket")
    torch.testing.assert_close(last, exact)
    assert (last > 0).all()


def test_a_renormalised_teacher_makes_its_student_too_sure_and_a_bucket_does_not():
    """Free logits at the optimum of each: the bias that the docs state."""
    logp = torch.log_softmax(torch.linspace(2, -2, 12, dtype=torch.float64), -1)[None]
    top, kept = logp[:, :4], logp[:, :4].exp().sum().item()
    mass = {}
    for tail in ("bucket", "renormalised"):
        logits = torch.zeros(1, 12, dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.LBFGS([logits], max_iter=200, tolerance_grad=1e-10)

        def loss(logits=logits, optimizer=optimizer, tail=tail):
            optimizer.zero_grad()
            value = top_divergence(torch.log_softmax(logits, -1)[:, :4], top, Divergence(), tail).sum()
            value.backward()
            return value

        optimizer.step(loss)
        q = torch.softmax(logits.detach(), -1)[0]
        mass[tail] = q[:4].sum().item()
        torch.testing.assert_close(q[:4] / q[:4].sum(), top[0].exp() / kept, rtol=1e-3, atol=1e-4)
    assert mass["bucket"] == pytest.approx(kept, abs=1e-4) and mass["renormalised"] > 0.999
    assert -math.log(kept) == pytest.approx((top[0].exp() / kept * (top[0].exp() / kept / top[0].exp()).log()).sum())


def test_the_rest_of_a_whole_distribution_is_nothing_and_finite():
    logp = torch.log_softmax(torch.randn(3, 9, dtype=torch.float64), -1).requires_grad_()
    rest = log_rest(logp)
    assert rest.exp().max() < 1e-15 and torch.isfinite(torch.autograd.grad(rest.sum(), logp)[0]).all()
