"""What can be known without a GPU: the offsets. `make gpu` compares the kernel itself with the loop."""

from __future__ import annotations

import pytest
import torch

from whet.contracts.batch import Segment
from whet.kernels import varlen
from whet.kernels.attention import SegmentPlan, band_mask, segment_attention
from whet.kernels.attention_spec import Form

PACKED = (Segment(0, 5), Segment(5, 6), Segment(6, 15))
SHARED = (Segment(0, 5), Segment(5, 6, prefix=0), Segment(6, 15, prefix=0))
CPU = torch.device("cpu")


def test_offsets_of_packed_segments():
    at = varlen.offsets(PACKED, CPU)
    assert at.queries.tolist() == at.num_keys.tolist() == [0, 5, 6, 15]
    assert (at.longest_query, at.longest_key, at.keys, at.is_causal) == (9, 9, None, True)
    assert at.queries.dtype == torch.int32


def test_branches_list_the_keys_of_their_prefix_before_their_own():
    at = varlen.offsets(SHARED, CPU)
    assert at.queries.tolist() == [0, 5, 6, 15]
    assert at.num_keys.tolist() == [0, 5, 11, 25]
    assert at.keys.tolist() == [*range(5), *range(5), 5, *range(5), *range(6, 15)]
    assert (at.longest_query, at.longest_key) == (9, 14)


def test_a_mixture_of_kinds_takes_several_calls():
    assert varlen.offsets((Segment(0, 2), Segment(2, 4, kind="bidirectional")), CPU) is None


@pytest.mark.parametrize("size, is_causal", [(None, True), (3, True), (None, False), (3, False)])
def test_the_kernels_window_is_that_of_the_masks(size, is_causal):
    left, right = varlen.window(size, is_causal)
    distance = torch.arange(7)[:, None] - torch.arange(7)
    seen = torch.ones(7, 7, dtype=torch.bool)
    if left >= 0:
        seen &= distance <= left
    if right >= 0:
        seen &= -distance <= right
    assert torch.equal(seen, band_mask(7, 7, size, is_causal, CPU))


def test_on_cpu_the_loop_computes():
    query = torch.randn(1, 2, 4, 8, dtype=torch.bfloat16)
    assert not varlen.applies(query, query, query, Form())


@pytest.mark.gpu
@pytest.mark.parametrize("segments", [PACKED, SHARED], ids=["packed", "shared prefix"])
@pytest.mark.parametrize("window", [None, 3])
@pytest.mark.parametrize("kv_heads", [4, 2])
def test_the_kernel_errs_at_most_twice_as_much_as_the_loop(segments, window, kv_heads):
    generator = torch.Generator("cuda").manual_seed(0)
    exact = [
        torch.randn(1, heads, 15, 64, generator=generator, device="cuda", dtype=torch.float64).requires_grad_()
        for heads in (4, kv_heads, kv_heads)
    ]
    upstream = torch.randn(1, 15, 4, 64, generator=generator, device="cuda", dtype=torch.float64)

    def results(inputs, form):
        output = segment_attention(*inputs, SegmentPlan(segments), form)
        return output, *torch.autograd.grad((output * upstream.to(output.dtype)).sum(), inputs)

    low = [x.detach().bfloat16().requires_grad_() for x in exact]
    assert varlen.applies(*low, Form(window=window))
    true = results(exact, Form(window=window))
    fast = results(low, Form(window=window))
    # A soft-cap too high to matter sends the same inputs through the loop.
    plain = results(low, Form(window=window, softcap=1e9))
    for mine, other, expected in zip(fast, plain, true, strict=True):
        assert (mine - expected).norm() <= 2 * (other - expected).norm() + 1e-5
