from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from tests.exact import LIMIT
from whet.kernels.linear_loss import linear_nll, reference_logprobs
from whet.kernels.linear_scores import linear_logprobs

SHAPES = [
    {},
    {"logit_scale": 0.25},
    {"softcap": 3.0},
    {"logit_scale": 2.0, "softcap": 5.0},
]


def problem(dtype=torch.float64, positions=23, width=8, vocab=31, with_bias=True):
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=dtype).requires_grad_()

    targets = torch.randint(vocab, (positions,), generator=generator)
    weights = torch.rand(positions, generator=generator)
    return draw(positions, width), draw(vocab, width), draw(vocab) if with_bias else None, targets, weights


def gradients(loss, *inputs):
    return torch.autograd.grad(loss, [x for x in inputs if x is not None])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("with_bias", [True, False])
def test_nll_and_its_gradients_equal_the_reference(shape, with_bias):
    hidden, weight, bias, targets, weights = problem(with_bias=with_bias)
    expected = -(reference_logprobs(hidden, weight, targets, bias=bias, **shape) * weights).sum()
    found = linear_nll(hidden, weight, targets, weights, bias=bias, chunk=5, **shape)
    torch.testing.assert_close(found, expected, rtol=LIMIT, atol=0)
    pairs = zip(gradients(found, hidden, weight, bias), gradients(expected, hidden, weight, bias), strict=True)
    for ours, theirs in pairs:
        assert (ours - theirs).norm() <= LIMIT * theirs.norm()


@pytest.mark.parametrize("shape", SHAPES)
def test_logprobs_and_their_gradients_equal_the_reference(shape):
    hidden, weight, bias, targets, _ = problem()
    upstream = torch.randn(len(targets), generator=torch.Generator().manual_seed(1))
    expected = reference_logprobs(hidden, weight, targets, bias=bias, **shape)
    found, _ = linear_logprobs(hidden, weight, targets, bias=bias, chunk=5, **shape)
    torch.testing.assert_close(found, expected, rtol=LIMIT, atol=LIMIT)
    ours = gradients((found * upstream).sum(), hidden, weight, bias)
    theirs = gradients((expected * upstream).sum(), hidden, weight, bias)
    for mine, other in zip(ours, theirs, strict=True):
        assert (mine - other).norm() <= LIMIT * other.norm()


def numerical(function, inputs, at, step=1e-6):
    """Central differences of a scalar function with respect to `inputs[at]`."""
    result = torch.zeros_like(inputs[at])
    for index in range(result.numel()):
        sides = []
        for sign in (1, -1):
            moved = [x.detach().clone() for x in inputs]
            moved[at].view(-1)[index] += sign * step
            sides.append(function(*moved))
        result.view(-1)[index] = (sides[0] - sides[1]) / (2 * step)
    return result


@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_equal_finite_differences(shape):
    *inputs, targets, weights = problem(torch.float64, positions=5, width=3, vocab=7)

    def nll(hidden, weight, bias):
        return linear_nll(hidden, weight, targets, weights.double(), bias=bias, chunk=2, **shape)

    def logprobs(hidden, weight, bias):
        return linear_logprobs(hidden, weight, targets, bias=bias, chunk=2, **shape)[0]

    assert torch.autograd.gradcheck(logprobs, inputs)
    # gradcheck passes backward several times, which `linear_nll` refuses.
    for at, gradient in enumerate(gradients(nll(*inputs), *inputs)):
        torch.testing.assert_close(gradient, numerical(nll, inputs, at), rtol=1e-6, atol=1e-8)


def test_nll_equals_cross_entropy_of_torch():
    hidden, weight, bias, targets, weights = problem()
    expected = (F.cross_entropy(F.linear(hidden, weight, bias), targets, reduction="none") * weights).sum()
    torch.testing.assert_close(linear_nll(hidden, weight, targets, weights, bias=bias), expected, rtol=LIMIT, atol=0)


def test_hits_are_where_the_target_is_the_argmax():
    hidden, weight, bias, targets, _ = problem(positions=200)
    likeliest = F.linear(hidden, weight, bias).argmax(-1)
    targets = torch.where(torch.arange(200) % 2 == 0, likeliest, targets)
    _, hits = linear_logprobs(hidden, weight, targets, bias=bias, chunk=7)
    assert torch.equal(hits, targets == likeliest)


def test_logprob_of_an_impossible_target_is_finite_and_exact():
    hidden, weight = torch.tensor([[1.0]]), torch.tensor([[500.0], [0.0]])
    found, _ = linear_logprobs(hidden, weight, torch.tensor([1]))
    assert found.item() == -500.0
    assert linear_nll(hidden, weight, torch.tensor([1]), torch.ones(1)).item() == 500.0


def test_no_positions_give_zero_and_zero_gradients():
    hidden, weight, _, _, _ = problem()
    nothing = torch.empty(0, dtype=torch.long)
    loss = linear_nll(hidden[:0], weight, nothing, torch.empty(0))
    assert loss.item() == 0
    for gradient in torch.autograd.grad(loss, [hidden, weight]):
        assert not gradient.any()


def test_a_frozen_head_gets_no_gradient_and_hidden_states_still_do():
    hidden, weight, _, targets, weights = problem()
    frozen = weight.detach()
    linear_nll(hidden, frozen, targets, weights).backward()
    expected = gradients(linear_nll(hidden, weight, targets, weights), hidden)[0]
    assert frozen.grad is None
    assert torch.equal(hidden.grad, expected)


def test_a_second_backward_pass_is_refused():
    hidden, weight, _, targets, weights = problem()
    loss = linear_nll(hidden, weight, targets, weights)
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="one backward pass"):
        loss.backward()


def test_bf16_errs_at_most_twice_as_much_as_the_plain_bf16_path():
    hidden, weight, _, targets, weights = problem(torch.float32, with_bias=False, positions=300, width=64, vocab=500)
    exact = -(reference_logprobs(hidden.double(), weight.double(), targets) * weights).sum()
    exact_gradients = gradients(exact, hidden, weight)
    low = [x.detach().bfloat16().requires_grad_() for x in (hidden, weight)]
    plain = (F.cross_entropy(F.linear(*low).float(), targets, reduction="none") * weights).sum()
    found = linear_nll(*low, targets, weights, chunk=64)
    assert found.dtype == torch.float32
    assert abs(found - exact) <= 2 * abs(plain - exact) + 1e-6 * exact
    for ours, theirs, true in zip(gradients(found, *low), gradients(plain, *low), exact_gradients, strict=True):
        assert ours.dtype == torch.bfloat16
        assert (ours - true).norm() <= 2 * (theirs - true).norm()


def test_under_autocast_it_computes_as_a_linear_layer_would():
    hidden, weight, bias, targets, weights = problem(torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        found = linear_nll(hidden, weight, targets, weights, bias=bias)
        logprobs, _ = linear_logprobs(hidden, weight, targets, bias=bias)
        logits = F.linear(hidden, weight, bias).float()
    expected = (F.cross_entropy(logits, targets, reduction="none") * weights).sum()
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=0)
    torch.testing.assert_close(-(logprobs * weights).sum(), expected, rtol=1e-5, atol=0)


def test_under_autocast_chunks_add_up_in_the_float32_of_the_head():
    hidden, weight, _, targets, weights = problem(torch.float32, with_bias=False, positions=200)
    with torch.autocast("cpu", torch.bfloat16):
        loss = linear_nll(hidden, weight, targets, weights, chunk=50)
    gradient = gradients(loss, weight)[0]
    assert gradient.dtype == torch.float32
    assert not torch.equal(gradient, gradient.bfloat16().float())


def test_peak_memory_is_a_chunk_and_never_all_logits():
    """Counted by torch's own profiler: the largest single allocation of forward and backward."""
    positions, width, vocab, chunk = 512, 8, 1000, 64
    hidden, weight, _, targets, weights = problem(
        torch.float32, with_bias=False, positions=positions, width=width, vocab=vocab
    )
    with torch.profiler.profile(profile_memory=True) as profile:
        linear_nll(hidden, weight, targets, weights, chunk=chunk).backward()
    largest = max(event.cpu_memory_usage for event in profile.events())
    assert 0 < largest <= chunk * vocab * 4 * 1.1
