"""Products by oneDNN are those of `nn.functional.linear`, packed or not, on any number of threads."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from whet.kernels.cpu_linear import at_least, is_packed, linear, packed, packs


@pytest.fixture(params=[1, 2, 3])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def drawn(*shapes):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator) for shape in shapes]


@pytest.mark.parametrize("rows", [1, 3, 16, 40])
@pytest.mark.parametrize("outputs", [4096, 1001, 8])
def test_it_is_linear_however_many_rows_outputs_and_threads(rows, outputs, threads):
    x, weight, bias = drawn((rows, 256), (outputs, 256), (outputs,))
    turned = weight.t().contiguous().t()
    for own in (weight, turned, packed(weight), packed(turned)):
        for beside in (bias, None):
            torch.testing.assert_close(
                linear(x, own, beside, threads=2), F.linear(x, weight, beside), atol=1e-4, rtol=1e-4
            )
        torch.testing.assert_close(linear(x.t().contiguous().t(), own), F.linear(x, weight), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("rows", [1, 4, 16])
@pytest.mark.parametrize("outputs", [2048, 1001, 8])
@pytest.mark.parametrize("is_own", [True, False])
def test_what_is_done_then_is_what_follows_a_linear(rows, outputs, is_own):
    x, weight, bias, other = drawn((rows, 256), (outputs, 256), (outputs,), (rows, 2 * outputs))
    own, other = packed(weight) if is_own else weight, other[:, :outputs]
    plain, kept = F.linear(x, weight, bias), other.clone()
    for then, expected in (("silu", F.silu(plain)), (("mul", other), plain * other), (("add", other), plain + other)):
        torch.testing.assert_close(linear(x, own, bias, threads=2, then=then), expected, atol=2e-4, rtol=1e-4)
    assert torch.equal(other, kept)


def test_more_threads_are_taken_and_given_back(threads):
    with at_least(2):
        assert torch.get_num_threads() == max(2, threads)
    assert torch.get_num_threads() == threads


def test_packed_weights_come_back_bit_for_bit():
    [weight] = drawn((1001, 256))
    assert packs(weight) and not is_packed(weight)
    assert is_packed(packed(weight)) and not packs(packed(weight))
    assert torch.equal(packed(weight).to_dense(), weight)


def test_a_row_gets_the_same_bits_of_packed_weights_beside_others_as_alone():
    x, weight, other = drawn((64, 256), (2049, 256), (64, 2049))  # of few rows four are made
    own = packed(weight)
    for then in (None, "silu", "mul", "add"):
        after = (then, other) if then in ("mul", "add") else then
        whole = linear(x, own, then=after)
        for rows in (1, 2, 7, 16, 33):
            beside = (then, other[:rows]) if isinstance(after, tuple) else then
            assert torch.equal(linear(x[:rows], own, then=beside), whole[:rows])


def test_only_large_weights_in_float32_are_packed():
    small, large = drawn((64, 64), (1024, 256))
    assert not packs(small) and not packs(large.double()) and not packs(large.bfloat16())
