"""Attention over packed segments: each token sees its own segment, its prefix, and nothing else."""

# B batch (1 when packed)  H heads  T tokens  Q queries  S keys  K head dim

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from whet.base.errors import ModelError
from whet.contracts.batch import Segment
from whet.kernels import varlen
from whet.kernels.attention_spec import Form
from whet.kernels.wide import wide


@dataclass(slots=True)
class SegmentPlan:
    """The segments of one stream and the masks their layers share: built once a batch, passed down to every layer."""

    segments: Sequence[Segment]
    _masks: dict[tuple, Tensor] = field(default_factory=dict)
    _offsets: varlen.Offsets | None | Literal["unknown"] = "unknown"

    def __post_init__(self) -> None:
        if any(segment.kind == "cross" for segment in self.segments):
            raise ModelError(
                "a `cross` segment attends to another stream, and attention over one packed stream has none",
                hint='Segment(start, end, kind="causal")',
            )

    @property
    def lengths(self) -> list[int]:
        return [segment.end - segment.start for segment in self.segments]

    def mask(self, num_queries: int, num_keys: int, window: int | None, is_causal: bool, device) -> Tensor | None:
        """The mask of one segment, shared by all segments and layers of the same shape; None where none is needed."""
        if num_queries == num_keys and (window is None or num_keys <= window):
            return None
        key = (num_queries, num_keys, window, is_causal)
        if key not in self._masks:
            self._masks[key] = band_mask(num_queries, num_keys, window, is_causal, device)
        return self._masks[key]

    def offsets(self, device: torch.device) -> varlen.Offsets | None:
        """The segments as one kernel takes them; None where they need several calls."""
        if self._offsets == "unknown":
            self._offsets = varlen.offsets(self.segments, device)
        return self._offsets


def segment_attention(
    query_BHTK: Tensor, key_BHTK: Tensor, value_BHTK: Tensor, plan: SegmentPlan, form: Form
) -> Tensor:
    """Attention of each segment by itself (1, T, H, K). Keys and values may have fewer heads.

    One flash kernel where it applies, else a call a segment. On CPU that is the fastest: padding segments into one
    call cost 1.2 to 5 times as much (8 to 512 tokens a segment, 6 heads of 64).
    """
    if varlen.applies(query_BHTK, key_BHTK, value_BHTK, form) and (at := plan.offsets(query_BHTK.device)):
        return varlen.varlen_attention(query_BHTK, key_BHTK, value_BHTK, at, form)
    return _one_by_one(query_BHTK, key_BHTK, value_BHTK, plan, form)


def _one_by_one(query_BHTK: Tensor, key_BHTK: Tensor, value_BHTK: Tensor, plan: SegmentPlan, form: Form) -> Tensor:
    # Split and joined once: slicing out each segment would make the backward pass fill a whole gradient a segment.
    lengths = plan.lengths
    queries, keys, values = (x.split(lengths, dim=2) for x in (query_BHTK, key_BHTK, value_BHTK))
    outputs = []
    for segment, query, key, value in zip(plan.segments, queries, keys, values, strict=True):
        if segment.prefix >= 0:
            key = torch.cat([keys[segment.prefix], key], dim=2)
            value = torch.cat([values[segment.prefix], value], dim=2)
        is_causal = segment.kind == "causal"
        mask = plan.mask(query.shape[2], key.shape[2], form.window, is_causal, query.device)
        outputs.append(dense_attention(query, key, value, mask, is_causal and mask is None, form).transpose(1, 2))
    return torch.cat(outputs, dim=1)


@torch.no_grad()
def largest_logits(query_BHTK: Tensor, key_BHTK: Tensor, plan: SegmentPlan, form: Form) -> Tensor:
    """The largest scaled score (H,) in float32 that any token gives one it may see, over all segments.

    Costs the scores a second time, a segment and a head at once. Neither soft-cap nor a shared prefix is looked at.
    """
    groups = query_BHTK.shape[1] // key_BHTK.shape[1]
    scale = form.scale if form.scale is not None else query_BHTK.shape[-1] ** -0.5
    found = torch.full((query_BHTK.shape[1],), -torch.inf, device=query_BHTK.device)
    queries, keys = (x.detach().split(plan.lengths, dim=2) for x in (query_BHTK, key_BHTK))
    for segment, query, key in zip(plan.segments, queries, keys, strict=True):
        mask = band_mask(query.shape[2], key.shape[2], form.window, segment.kind == "causal", query.device)
        for head in range(query.shape[1]):
            scores_TS = (query[:, head].float() @ key[:, head // groups].float().mT) * scale
            found[head] = torch.maximum(found[head], scores_TS.masked_fill(~mask, -torch.inf).amax())
    return found


def dense_attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, is_causal: bool, form: Form
) -> Tensor:
    """Attention (B, H, Q, K) with the given mask (True: may see), or causal, or over everything.

    The form's window must already be in the mask. Soft-cap and sinks take the plain path, which holds all scores.
    """
    if form.softcap is not None or form.sinks is not None or form.slopes is not None:
        return reference_attention(query, key, value, mask, is_causal, form)
    if form.bias is not None:
        mask, is_causal = _biased(form.bias, mask, is_causal, query, key), False
    return F.scaled_dot_product_attention(
        query,
        key,
        value,
        attn_mask=mask,
        dropout_p=form.dropout,
        is_causal=is_causal,
        scale=form.scale,
        enable_gqa=query.shape[1] != key.shape[1],
    )


def _biased(bias: Tensor, mask: Tensor | None, is_causal: bool, query: Tensor, key: Tensor) -> Tensor:
    """The bias where tokens may see each other, and hardly anything elsewhere: a mask to be added (1 or B, H, Q, S)."""
    num_queries, num_keys = query.shape[2], key.shape[2]
    bias = bias[:, :, :num_queries, :num_keys]
    if is_causal and mask is None:
        mask = band_mask(num_queries, num_keys, None, True, query.device)
    if mask is None:
        return bias.to(query.dtype)
    if mask.dtype == torch.bool:
        return bias.masked_fill(~mask, torch.finfo(query.dtype).min).to(query.dtype)
    return (bias + mask).to(query.dtype)


def reference_attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, is_causal: bool, form: Form
) -> Tensor:
    """The definition in plain PyTorch: softmax in float32 or wider, all B x H x Q x S scores in memory."""
    groups = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
    num_queries, num_keys = query.shape[2], key.shape[2]
    scale = form.scale if form.scale is not None else query.shape[-1] ** -0.5
    scores = query @ key.transpose(2, 3) * scale
    if form.softcap is not None:
        scores = form.softcap * torch.tanh(scores / form.softcap)
    if form.bias is not None:
        scores = scores + form.bias[:, :, :num_queries, :num_keys]
    if form.slopes is not None:
        scores = scores + form.slopes.to(scores.dtype)[:, None, None] * torch.arange(num_keys, device=scores.device)
    if is_causal and mask is None:
        mask = band_mask(num_queries, num_keys, None, True, query.device)
    if mask is not None:
        # Not -inf: a padding token that sees nothing would be NaN, and 0 x NaN spreads through its values.
        lowest = torch.finfo(scores.dtype).min
        scores = scores.masked_fill(~mask, lowest) if mask.dtype == torch.bool else scores + mask
    if form.sinks is not None:
        sinks = form.sinks.to(scores.dtype).view(1, -1, 1, 1).expand(len(scores), -1, num_queries, 1)
        scores = torch.cat([scores, sinks], dim=-1)
    probs = torch.softmax(scores, dim=-1, dtype=wide(scores.dtype)).to(value.dtype)[..., :num_keys]
    return F.dropout(probs, form.dropout) @ value if form.dropout else probs @ value


def band_mask(num_queries: int, num_keys: int, window: int | None, is_causal: bool, device: torch.device) -> Tensor:
    """Which keys each query may see (Q, S), the last query standing at the last key.

    A causal window of w counts the token itself; a bidirectional one reaches w to either side (as transformers has it).
    """
    query_Q1 = torch.arange(num_keys - num_queries, num_keys, device=device)[:, None]
    distance_QS = query_Q1 - torch.arange(num_keys, device=device)
    if is_causal:
        seen_QS = distance_QS >= 0
        return seen_QS if window is None else seen_QS & (distance_QS < window)
    if window is None:
        return torch.ones(num_queries, num_keys, dtype=torch.bool, device=device)
    return distance_QS.abs() <= window
