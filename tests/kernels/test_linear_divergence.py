"""The fused divergence: what plain PyTorch gives with all logits of both models in memory."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from tests.exact import LIMIT
from tests.kernels.test_linear_loss import SHAPES, gradients, problem
from whet.contracts.model import Divergence, Prediction
from whet.kernels.linear_divergence import linear_divergence, logits_distances, of_tokens
from whet.kernels.linear_loss import cap_and_scale

MEASURES = [
    Divergence(),
    Divergence("reverse_kl"),
    Divergence("jsd", beta=0.3),
    Divergence(temperature=2.0),
    Divergence("reverse_kl", temperature=0.5, sft=0.7),
    Divergence("jsd", beta=0.9, temperature=1.5, sft=0.2),
    Divergence(sft=0.5),
]


def teacher_of(vocab=31, width=5, positions=23, dtype=torch.float64, **shape):
    generator = torch.Generator().manual_seed(7)

    def draw(*size):
        return torch.randn(*size, generator=generator, dtype=dtype)

    return Prediction(draw(positions, width), draw(vocab, width), draw(vocab), dtype=dtype, **shape)


def by_definition(logits, teacher, targets, weights, measure):
    """The sum over positions, from torch's own softmax and KL."""
    theirs = F.linear(teacher.states, teacher.weight, teacher.bias) * teacher.logit_scale
    if teacher.softcap:
        theirs = teacher.softcap * torch.tanh(theirs / teacher.softcap)
    p, q = (torch.softmax(x / measure.temperature, -1) for x in (theirs, logits))

    def kl(a, b):
        return F.kl_div(b.log(), a, reduction="none").sum(-1)

    m = measure.beta * p + (1 - measure.beta) * q
    found = {
        "forward_kl": lambda: kl(p, q),
        "reverse_kl": lambda: kl(q, p),
        "jsd": lambda: measure.beta * kl(p, m) + (1 - measure.beta) * kl(q, m),
    }[measure.kind]()
    nll = F.cross_entropy(logits, targets, reduction="none")
    return ((found + measure.sft * nll) * weights).sum(), found, nll


@pytest.mark.parametrize("chunk", [5, None], ids=["chunks", "one"])
@pytest.mark.parametrize("measure", MEASURES, ids=str)
def test_the_divergence_and_its_gradients_equal_the_definition(measure, chunk):
    hidden, weight, bias, targets, weights = problem()
    teacher = teacher_of(logit_scale=0.5)
    expected, divergence, nll = by_definition(F.linear(hidden, weight, bias), teacher, targets, weights, measure)
    found = linear_divergence(hidden, weight, teacher, targets, weights, measure, bias=bias, chunk=chunk)
    torch.testing.assert_close(found.total, expected, rtol=LIMIT, atol=LIMIT)
    torch.testing.assert_close(found.divergence_P, divergence, rtol=LIMIT, atol=LIMIT)
    torch.testing.assert_close(found.logprobs_P, -nll, rtol=LIMIT, atol=LIMIT)
    pairs = zip(gradients(found.total, hidden, weight, bias), gradients(expected, hidden, weight, bias), strict=True)
    for ours, theirs in pairs:
        assert (ours - theirs).norm() <= LIMIT * theirs.norm()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("measure", MEASURES[:3], ids=str)
def test_caps_and_scales_of_both_heads_are_followed_back(measure, shape):
    hidden, weight, bias, targets, weights = problem(torch.float64, positions=6, width=3, vocab=7)
    teacher = teacher_of(7, 4, 6, torch.float64, **shape)

    found = linear_divergence(hidden, weight, teacher, targets, weights, measure, bias=bias, chunk=4, **shape)
    logits = cap_and_scale(F.linear(hidden, weight, bias), shape.get("logit_scale", 1.0), shape.get("softcap"))
    expected = by_definition(logits, teacher, targets, weights, measure)[0]
    torch.testing.assert_close(found.total, expected)
    pairs = zip(gradients(found.total, hidden, weight, bias), gradients(expected, hidden, weight, bias), strict=True)
    for ours, theirs in pairs:
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("measure", MEASURES, ids=str)
def test_the_plain_form_from_logits_is_the_same(measure):
    hidden, weight, bias, targets, weights = problem()
    teacher = teacher_of()
    plain = logits_distances(F.linear(hidden, weight, bias), teacher, targets, weights, measure)
    found = linear_divergence(hidden, weight, teacher, targets, weights, measure, bias=bias, chunk=7)
    for mine, other in zip(found, plain, strict=True):
        torch.testing.assert_close(mine, other, rtol=LIMIT, atol=LIMIT)
    ours, theirs = gradients(found.total, hidden, weight), gradients(plain.total, hidden, weight)
    for mine, other in zip(ours, theirs, strict=True):
        assert (mine - other).norm() <= LIMIT * other.norm()


@pytest.mark.parametrize("student, teacher", [(31, 40), (40, 31)])
def test_a_longer_vocabulary_is_cut_to_what_both_have(student, teacher):
    hidden, weight, bias, targets, weights = problem(vocab=student)
    targets, other, measure = targets % 31, teacher_of(teacher), Divergence("jsd")
    found = linear_divergence(hidden, weight, other, targets, weights, measure, bias=bias)
    both = by_definition(F.linear(hidden, weight, bias)[:, :31], of_tokens(other, None, 31), targets, weights, measure)
    torch.testing.assert_close(found.total, both[0])
    gradient = gradients(found.total, weight)[0]
    assert gradient.shape == weight.shape and not gradient[31:].any()


def test_a_student_that_says_what_its_teacher_says_is_at_distance_zero_and_stays():
    hidden, weight, bias, targets, weights = problem()
    teacher = Prediction(hidden.detach(), weight.detach(), bias.detach(), dtype=torch.float32)
    for measure in MEASURES[:4]:
        found = linear_divergence(hidden, weight, teacher, targets, weights, measure, bias=bias)
        assert abs(found.total.item()) < 1e-5 and found.agrees_P.all()
        assert all(gradient.norm() < 1e-4 for gradient in gradients(found.total, hidden, weight, bias))


def test_no_positions_give_zero_and_zero_gradients():
    hidden, weight, _, targets, weights = problem()
    teacher = teacher_of(positions=0)
    found = linear_divergence(hidden[:0], weight, teacher, targets[:0], weights[:0], Divergence())
    assert found.total.item() == 0 and not gradients(found.total, weight)[0].any()


@pytest.mark.parametrize("measure", MEASURES[:3], ids=str)
def test_bf16_errs_at_most_twice_as_much_as_the_plain_bf16_path(measure):
    hidden, weight, _, targets, weights = problem(torch.float32, with_bias=False, positions=300, width=64, vocab=500)
    with torch.no_grad():
        hidden *= 0.2
    teacher = teacher_of(500, 48, 300)
    teacher = Prediction(teacher.states * 0.2, teacher.weight, dtype=torch.bfloat16)
    wide = Prediction(teacher.states.double(), teacher.weight.double(), dtype=torch.float64)
    rest = (targets, weights.double(), measure)
    exact = logits_distances(F.linear(hidden.double(), weight.double()), wide, *rest)
    low = [x.detach().bfloat16().requires_grad_() for x in (hidden, weight)]
    plain = logits_distances(cap_and_scale(F.linear(*low), 1.0, None), teacher, targets, weights, measure)
    found = linear_divergence(*low, teacher, targets, weights, measure, chunk=64)
    for mine, other, true in zip(found[:3], plain[:3], exact[:3], strict=True):
        assert mine.dtype == torch.float32 and (mine - true).norm() <= 2 * (other - true).norm() + 1e-6 * true.norm()
    sets = (gradients(found[0], *low), gradients(plain[0], *low), gradients(exact[0], hidden, weight))
    for mine, other, true in zip(*sets, strict=True):
        assert (mine - true).norm() <= 2 * (other - true).norm()


@pytest.mark.parametrize("measure", [MEASURES[0], MEASURES[5]], ids=str)
def test_peak_memory_is_a_few_chunks_and_never_all_logits(measure):
    hidden, weight, _, targets, weights = problem(torch.float32, with_bias=False, positions=2048, width=8, vocab=1000)
    teacher = teacher_of(1000, 8, 2048, torch.float32)
    with torch.profiler.profile(profile_memory=True) as profile:
        linear_divergence(hidden, weight, teacher, targets, weights, measure, chunk=64).total.backward()
    held, peak = 0, 0
    for event in sorted(profile.events(), key=lambda e: e.time_range.start):
        held += event.self_cpu_memory_usage if event.name == "[memory]" else 0
        peak = max(peak, held)
    assert max(event.cpu_memory_usage for event in profile.events()) <= 1.1 * 64 * 1000 * 4
    assert peak <= 8 * 64 * 1000 * 4
