from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from tests.exact import LIMIT
from whet.base.errors import ModelError
from whet.contracts.batch import Segment
from whet.kernels.attention import SegmentPlan, band_mask, dense_attention, reference_attention, segment_attention
from whet.kernels.attention_spec import Form

LENGTHS = (5, 1, 9, 4)
SEGMENTS = tuple(Segment(sum(LENGTHS[:i]), sum(LENGTHS[: i + 1])) for i in range(len(LENGTHS)))
FORMS = {
    "plain": Form(),
    "scaled": Form(scale=0.7),
    "window": Form(window=3),
    "softcap": Form(softcap=2.0),
    "softcap and window": Form(softcap=2.0, window=3),
    "sinks": Form(sinks=torch.tensor([0.5, -1.0, 2.0, 0.0])),
    "alibi": Form(slopes=torch.tensor([0.5, 0.25, 0.125, 1.0])),
}


def inputs(tokens=19, heads=4, kv_heads=2, dim=8, value_dim=8):
    generator = torch.Generator().manual_seed(0)
    shapes = [(heads, dim), (kv_heads, dim), (kv_heads, value_dim)]
    return [torch.randn(1, h, tokens, k, generator=generator, dtype=torch.float64).requires_grad_() for h, k in shapes]


def by_definition(query, key, value, allowed, position, form):
    """Attention of every token over the whole row, with everything that is not allowed masked."""
    groups = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    scale = form.scale if form.scale is not None else query.shape[-1] ** -0.5
    scores = torch.einsum("bhqk,bhsk->bhqs", query, key) * scale
    if form.softcap:
        scores = torch.tanh(scores / form.softcap) * form.softcap
    if form.slopes is not None:
        scores = scores - form.slopes[:, None, None] * (position[:, None] - position)
    scores = scores.masked_fill(~allowed, float("-inf"))
    exp = torch.exp(scores - scores.amax(-1, keepdim=True))
    total = exp.sum(-1, keepdim=True)
    if form.sinks is not None:
        total = total + torch.exp(form.sinks[:, None, None] - scores.amax(-1, keepdim=True))
    return (exp / total @ value).transpose(1, 2)


def allowed_pairs(segments, window=None):
    tokens = segments[-1].end
    allowed = torch.zeros(tokens, tokens, dtype=torch.bool)
    for segment in segments:
        seen = []
        if segment.prefix >= 0:
            seen += range(segments[segment.prefix].start, segments[segment.prefix].end)
        own = len(seen)
        seen += range(segment.start, segment.end)
        for i in range(segment.start, segment.end):
            at = own + i - segment.start
            for place, j in enumerate(seen):
                if segment.kind == "causal":
                    allowed[i, j] = place <= at and (window is None or at - place < window)
                else:
                    allowed[i, j] = window is None or abs(at - place) <= window
    return allowed


def positions(segments):
    """Positions go on from the prefix."""
    before = [0 if s.prefix < 0 else segments[s.prefix].end - segments[s.prefix].start for s in segments]
    return torch.cat([torch.arange(s.end - s.start) + p for s, p in zip(segments, before, strict=True)])


def assert_same(segments, form, **shape):
    query, key, value = inputs(**shape)
    found = segment_attention(query, key, value, SegmentPlan(segments), form)
    allowed = allowed_pairs(segments, form.window)
    expected = by_definition(query, key, value, allowed, positions(segments), form)
    torch.testing.assert_close(found, expected, rtol=LIMIT, atol=LIMIT)
    upstream = torch.randn(found.shape, generator=torch.Generator().manual_seed(1))
    ours = torch.autograd.grad((found * upstream).sum(), (query, key, value))
    theirs = torch.autograd.grad((expected * upstream).sum(), (query, key, value))
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=LIMIT, atol=LIMIT)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_segment_sees_itself_and_nothing_else(form):
    assert_same(SEGMENTS, form)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_branches_see_their_prefix_and_not_each_other(form):
    segments = (Segment(0, 5), Segment(5, 6, prefix=0), Segment(6, 15, prefix=0), Segment(15, 19))
    assert_same(segments, form)


@pytest.mark.parametrize("window", [None, 3])
def test_a_bidirectional_segment_looks_both_ways(window):
    segments = (Segment(0, 5, kind="bidirectional"), Segment(5, 19, kind="bidirectional"))
    assert_same(segments, Form(window=window))


@pytest.mark.parametrize("heads, kv_heads", [(4, 4), (4, 1)])
def test_any_number_of_key_value_heads(heads, kv_heads):
    assert_same(SEGMENTS, Form(), heads=heads, kv_heads=kv_heads)


def test_values_may_be_narrower_than_keys():
    assert_same(SEGMENTS, Form(), value_dim=4)


def test_many_short_segments_of_mixed_lengths():
    lengths = [1 + i % 5 for i in range(60)]
    ends = torch.tensor(lengths).cumsum(0).tolist()
    segments = tuple(Segment(end - length, end) for end, length in zip(ends, lengths, strict=True))
    assert_same(segments, Form(), tokens=ends[-1])


def test_a_new_query_sees_the_whole_cache_within_its_window():
    mask = band_mask(2, 5, 3, True, torch.device("cpu"))
    assert mask.tolist() == [[False, True, True, True, False], [False, False, True, True, True]]


def test_sdpa_and_the_reference_agree():
    query, key, value = inputs()
    expected = reference_attention(query, key, value, None, True, Form())
    torch.testing.assert_close(dense_attention(query, key, value, None, True, Form()), expected, rtol=LIMIT, atol=LIMIT)


def test_layers_share_masks():
    plan = SegmentPlan(SEGMENTS)
    first = plan.mask(9, 9, 3, True, torch.device("cpu"))
    assert plan.mask(9, 9, 3, True, torch.device("cpu")) is first
    assert plan.mask(2, 2, 3, True, torch.device("cpu")) is None


def test_dropout_drops_probabilities_only_when_asked():
    query, key, value = inputs()
    ones = torch.ones_like(value)
    for form in (Form(dropout=0.5), Form(dropout=0.5, softcap=2.0)):
        dropped = segment_attention(query, key, ones, SegmentPlan(SEGMENTS), form)
        assert not torch.allclose(dropped, torch.ones_like(dropped))
    assert torch.allclose(segment_attention(query, key, ones, SegmentPlan(SEGMENTS), Form()), torch.ones_like(dropped))


def test_enable_gqa_of_torch_repeats_heads_in_our_order():
    query, key, value = inputs()
    ours = dense_attention(query, key, value, None, True, Form())
    repeated = [x.repeat_interleave(2, dim=1) for x in (key, value)]
    torch.testing.assert_close(ours, F.scaled_dot_product_attention(query, *repeated, is_causal=True))


def test_a_segment_that_attends_to_another_stream_is_refused():
    with pytest.raises(ModelError, match="another stream"):
        SegmentPlan([*SEGMENTS, Segment(19, 21, kind="cross")])


def test_the_largest_logit_of_each_head_is_that_of_the_scores():
    from whet.kernels.attention import largest_logits

    draw = torch.Generator().manual_seed(0)
    query, key = torch.randn(1, 4, 9, 8, generator=draw), torch.randn(1, 2, 9, 8, generator=draw)
    plan = SegmentPlan((Segment(0, 4), Segment(4, 9)))
    expected = torch.full((4,), -torch.inf)
    for first, last in ((0, 4), (4, 9)):
        for head in range(4):
            for i in range(first, last):
                for j in range(first, i + 1):
                    score = query[0, head, i] @ key[0, head // 2, j] / 8**0.5
                    expected[head] = torch.maximum(expected[head], score)
    torch.testing.assert_close(largest_logits(query, key, plan, Form()), expected)
