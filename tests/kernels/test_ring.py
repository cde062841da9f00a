"""Attention in a ring of ranks is attention over segments, forward and backward, tile by tile."""

from __future__ import annotations

from itertools import product
from types import SimpleNamespace

import pytest
import torch
import torch.distributed as dist

from tests.ranks import on_ranks
from whet.contracts.batch import Segment
from whet.kernels import ring
from whet.kernels.attention import SegmentPlan, segment_attention
from whet.kernels.attention_spec import Form
from whet.kernels.ring import Ring, ring_attention

T, H, G, K = 37, 4, 2, 8
RATE = 0.4
SEGMENTS = {
    "packed": (Segment(0, 5), Segment(5, 30), Segment(30, 37)),
    "branches": (Segment(0, 9), Segment(9, 20, 0), Segment(20, 33, 0), Segment(33, 37)),
    "two-sided": (Segment(0, 13, -1, "bidirectional"), Segment(13, 37)),
}
FORMS = {
    "plain": {}, "window": {"window": 6}, "capped": {"softcap": 2.0, "scale": 0.9}, "sinks": {"sinks": True},
    "slopes": {"slopes": torch.tensor([0.5, 0.25, 0.125, 0.0625], dtype=torch.float64)},
}  # fmt: skip
CASES = [case for case in product(SEGMENTS, FORMS) if case != ("branches", "slopes")]  # no model has both


def runs(ranks: int) -> list[list[slice]]:
    """An early and a late run each."""
    edges = [T * number // (2 * ranks) for number in range(2 * ranks + 1)]
    pieces = [slice(*pair) for pair in zip(edges, edges[1:], strict=False)]
    return [[pieces[rank], pieces[-1 - rank]] for rank in range(ranks)]


def drawn(settings) -> tuple[list[torch.Tensor], Form]:
    source = torch.Generator().manual_seed(1)
    shapes = [(1, H, T, K), (1, G, T, K), (1, G, T, K), (1, T, H, K)]
    tensors = [torch.randn(shape, generator=source, dtype=torch.float64) for shape in shapes]
    sinks = torch.randn(H, generator=source, dtype=torch.float64).requires_grad_()
    return tensors, Form(**settings | ({"sinks": sinks} if "sinks" in settings else {}))


def whole(segments, settings) -> list[torch.Tensor]:
    (query, key, value, factor), form = drawn(settings)
    inputs = [x.requires_grad_() for x in (query, key, value)]
    output = segment_attention(*inputs, SegmentPlan(segments), form)
    (output * factor).sum().backward()
    return [output.detach(), *(x.grad for x in inputs), *([] if form.sinks is None else [form.sinks.grad])]


def on_a_rank() -> dict[tuple[str, str], list[torch.Tensor]]:
    """What each case gives, put together from all ranks."""
    dist.init_process_group("gloo")
    ring.TILE = 4
    group = dist.group.WORLD
    around = Ring(group, runs(group.size()))
    at = torch.cat([torch.arange(T)[run] for run in around.runs[group.rank()]])
    found = {}
    for case in CASES:
        (query, key, value, factor), form = drawn(FORMS[case[1]])
        inputs = [x[:, :, at].clone().requires_grad_() for x in (query, key, value)]
        output = ring_attention(*inputs, SEGMENTS[case[0]], form, around)
        (output * factor[:, at]).sum().backward()
        parts = [(output.detach(), 1), *((x.grad, 2) for x in inputs)]
        placed = [
            torch.zeros_like(x).index_copy(d, at, p)
            for x, (p, d) in zip((factor, query, key, value), parts, strict=True)
        ]
        found[case] = placed + ([] if form.sinks is None else [form.sinks.grad])
        for one in found[case]:
            dist.all_reduce(one)
    return found | {"dropped": dropped(around, at)}


def dropped(around, at):
    """How much of each probability queries read (H, T, T), as values that tell keys apart show it; and what the same
    draws give of other values, put together from all ranks."""
    (query, key, value, factor), form = drawn({"dropout": RATE})
    seen, told = torch.eye(T, dtype=query.dtype).expand(1, G, T, T), []
    for values, factors in ((seen, None), (value, factor)):
        inputs = [x[:, :, at].clone().requires_grad_() for x in (query, key, values)]
        torch.manual_seed(dist.get_rank())
        output = ring_attention(*inputs, SEGMENTS["packed"], form, around)
        if factors is None:
            told.append(torch.zeros(1, T, H, T, dtype=query.dtype).index_copy(1, at, output.detach()))
            continue
        (output * factors[:, at]).sum().backward()
        told.append(torch.zeros_like(factor).index_copy(1, at, output.detach()))
        told += [
            torch.zeros_like(x).index_copy(2, at, p.grad) for x, p in zip((query, key, value), inputs, strict=True)
        ]
    for one in told:
        dist.all_reduce(one)
    return told


@pytest.fixture(scope="module")
def ranks():
    return on_ranks(3, on_a_rank)


@pytest.mark.ranks
@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_a_ring_is_attention_over_segments(case, ranks):
    expected = whole(SEGMENTS[case[0]], FORMS[case[1]])
    for found in ranks:
        for one, other in zip(found[case], expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-11)


@pytest.mark.ranks
def test_a_ring_drops_out_each_probability_by_itself_and_learns_from_what_is_left(ranks):
    seen_THT, *found = ranks[0]["dropped"]
    (query, key, value, factor), _ = drawn({})
    inputs = [x.requires_grad_() for x in (query, key, value)]
    sample = torch.repeat_interleave(torch.tensor([5, 25, 7]))
    sees_TT = (sample[:, None] == sample) & torch.ones(T, T, dtype=torch.bool).tril()
    keys, values = (x[0].repeat_interleave(H // G, 0) for x in (key, value))
    scores_HTT = (query[0] @ keys.mT) * K**-0.5
    probs_HTT = torch.softmax(scores_HTT.masked_fill(~sees_TT, -torch.inf), -1)
    share_HTT = torch.where(sees_TT, seen_THT[0].transpose(0, 1) / probs_HTT.detach(), 0.0)
    kept = share_HTT[:, sees_TT]
    assert torch.equal(kept.round(decimals=6).unique(), torch.tensor([0.0, 1 / (1 - RATE)]).double().round(decimals=6))
    assert abs(float((kept == 0).double().mean()) - RATE) < 0.05
    output = ((probs_HTT * share_HTT) @ values).transpose(0, 1)[None]
    (output * factor).sum().backward()
    for one, other in zip(found, [output.detach(), *(x.grad for x in inputs)], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_autocast_narrows_no_sum():
    alone = SimpleNamespace(rank=lambda: 0, size=lambda: 1)
    (query, key, value, _), form = drawn({})
    inputs = [3 * x.bfloat16() for x in (query, key, value)]
    around = Ring(alone, [[slice(0, T)]])
    expected = ring_attention(*inputs, SEGMENTS["packed"], form, around)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(ring_attention(*inputs, SEGMENTS["packed"], form, around), expected)
