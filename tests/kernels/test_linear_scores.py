"""Chunked scores: what plain PyTorch gives with all logits in memory, forward and backward."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from tests.exact import LIMIT
from tests.kernels.test_linear_loss import SHAPES, gradients, problem
from whet.kernels.linear_loss import cap_and_scale
from whet.kernels.linear_scores import linear_logprobs, linear_scores, linear_top, logits_scores

HOT = [*SHAPES, {"temperature": 0.5}, {"softcap": 3.0, "logit_scale": 2.0, "temperature": 1.7}]


def reference(hidden, weight, bias, shape):
    """All logits, by the definition."""
    logits = F.linear(hidden, weight, bias) * shape.get("logit_scale", 1.0)
    if "softcap" in shape:
        logits = shape["softcap"] * torch.tanh(logits / shape["softcap"])
    return logits / shape.get("temperature", 1.0)


@pytest.mark.parametrize("chunk", [5, None], ids=["chunks", "one"])
@pytest.mark.parametrize("shape", HOT)
def test_candidates_entropy_and_their_gradients_equal_the_reference(shape, chunk):
    hidden, weight, bias, _, _ = problem()
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(31, (len(hidden), 3), generator=generator)
    up, up_entropy = torch.randn(ids.shape, generator=generator), torch.randn(len(ids), generator=generator)
    logprobs = torch.log_softmax(reference(hidden, weight, bias, shape), -1)
    entropy = -(logprobs.exp() * logprobs).sum(-1)
    found = linear_scores(hidden, weight, ids, entropy=True, bias=bias, chunk=chunk, **shape)
    torch.testing.assert_close(found.logprobs_PK, logprobs.gather(1, ids), rtol=LIMIT, atol=LIMIT)
    torch.testing.assert_close(found.entropy_P, entropy, rtol=LIMIT, atol=LIMIT)
    assert torch.equal(found.hits_P, logprobs.argmax(-1) == ids[:, 0])
    ours = gradients((found.logprobs_PK * up).sum() + (found.entropy_P * up_entropy).sum(), hidden, weight, bias)
    theirs = gradients((logprobs.gather(1, ids) * up).sum() + (entropy * up_entropy).sum(), hidden, weight, bias)
    for mine, other in zip(ours, theirs, strict=True):
        assert (mine - other).norm() <= LIMIT * other.norm()


@pytest.mark.parametrize("shape", HOT)
def test_gradients_equal_finite_differences(shape):
    *inputs, _, _ = problem(torch.float64, positions=5, width=3, vocab=7)
    ids = torch.tensor([[0, 3], [1, 1], [6, 2], [4, 0], [5, 5]])

    def scores(hidden, weight, bias):
        found = linear_scores(hidden, weight, ids, entropy=True, bias=bias, chunk=2, **shape)
        return found.logprobs_PK, found.entropy_P

    assert torch.autograd.gradcheck(scores, inputs)


def test_a_kept_chunk_is_used_once_and_then_computed_again():
    hidden, weight, bias, targets, _ = problem()
    logprobs, _ = linear_logprobs(hidden, weight, targets, bias=bias)
    first = torch.autograd.grad(logprobs.sum(), [hidden, weight, bias], retain_graph=True)
    again = torch.autograd.grad(logprobs.sum(), [hidden, weight, bias])
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


@pytest.mark.parametrize("shape", HOT)
def test_the_likeliest_tokens_come_in_order_with_their_log_probabilities(shape):
    hidden, weight, bias, _, _ = problem()
    expected = torch.log_softmax(reference(hidden, weight, bias, shape), -1).topk(4, -1)
    ids, logprobs = linear_top(hidden, weight, 4, bias=bias, chunk=5, **shape)
    assert torch.equal(ids, expected.indices) and not logprobs.requires_grad
    torch.testing.assert_close(logprobs, expected.values, rtol=LIMIT, atol=LIMIT)


def test_a_certain_token_has_no_entropy_and_no_gradient_of_it():
    hidden, weight = torch.tensor([[1.0]], requires_grad=True), torch.tensor([[500.0], [0.0], [0.0]])
    found = linear_scores(hidden, weight, torch.tensor([[0]]), entropy=True)
    assert found.entropy_P.item() == 0
    assert torch.autograd.grad(found.entropy_P.sum(), hidden)[0].item() == 0


def test_no_positions_give_empty_scores_and_zero_gradients():
    hidden, weight, _, _, _ = problem()
    found = linear_scores(hidden[:0], weight, torch.empty(0, 2, dtype=torch.long), entropy=True)
    assert found.logprobs_PK.shape == (0, 2) and found.entropy_P.shape == (0,)
    total = found.logprobs_PK.sum() + found.entropy_P.sum()
    assert not any(gradient.any() for gradient in torch.autograd.grad(total, [hidden, weight]))
    assert linear_top(hidden[:0], weight, 3)[0].shape == (0, 3)


def test_bf16_errs_at_most_twice_as_much_as_the_plain_bf16_path():
    hidden, weight, _, targets, _ = problem(torch.float32, with_bias=False, positions=300, width=64, vocab=500)
    ids = targets[:, None]
    exact = logits_scores(F.linear(hidden.double(), weight.double()), ids, entropy=True)
    low = [x.detach().bfloat16().requires_grad_() for x in (hidden, weight)]
    plain = logits_scores(cap_and_scale(F.linear(*low), 1.0, None), ids, entropy=True)
    found = linear_scores(*low, ids, entropy=True, chunk=64)

    def total(scores):
        return scores.logprobs_PK.sum() + scores.entropy_P.sum()

    for mine, other, true in zip(found[:2], plain[:2], exact[:2], strict=True):
        assert mine.dtype == torch.float32 and (mine - true).norm() <= 2 * (other - true).norm() + 1e-6 * true.norm()
    sets = (gradients(total(found), *low), gradients(total(plain), *low), gradients(total(exact), hidden, weight))
    for mine, other, true in zip(*sets, strict=True):
        assert (mine - true).norm() <= 2 * (other - true).norm()


def test_peak_memory_is_a_chunk_and_never_all_logits():
    hidden, weight, _, targets, _ = problem(torch.float32, with_bias=False, positions=512, width=8, vocab=1000)
    with torch.profiler.profile(profile_memory=True) as profile:
        found = linear_scores(hidden, weight, targets[:, None], entropy=True, chunk=64)
        (found.logprobs_PK.sum() + found.entropy_P.sum()).backward()
    assert max(event.cpu_memory_usage for event in profile.events()) <= 1.1 * 64 * 1000 * 4
