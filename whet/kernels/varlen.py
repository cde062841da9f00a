"""Attention over packed segments in one flash kernel (torch's `varlen_attn`), where the GPU and the form allow it."""

# T tokens  S keys, prefixes counted once a branch  N segments  H heads  K head dim

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from whet.contracts.batch import Segment
from whet.kernels.attention_spec import Form
from whet.kernels.host import sent

LARGEST_HEAD = 256


@dataclass(frozen=True, slots=True)
class Offsets:
    """Where segments start and end, as the kernel wants it: int32 (N + 1,) for queries and for keys.

    `keys` (S,) lists the token of each key where branches share a prefix; None where keys are the tokens themselves.
    """

    queries: Tensor
    num_keys: Tensor
    longest_query: int
    longest_key: int
    keys: Tensor | None
    is_causal: bool


def offsets(segments: Sequence[Segment], device: torch.device) -> Offsets | None:
    """The offsets of segments that are all causal or all bidirectional; None for a mixture, which needs two calls."""
    kinds = {segment.kind for segment in segments}
    if len(kinds) > 1:
        return None
    spans = [_seen(segment, segments) for segment in segments]
    lengths = [segment.end - segment.start for segment in segments]
    seen = [sum(end - start for start, end in span) for span in spans]
    has_prefix = any(segment.prefix >= 0 for segment in segments)
    keys = torch.cat([torch.arange(*span) for pair in spans for span in pair]) if has_prefix else None
    return Offsets(
        _cumulated(lengths, device),
        _cumulated(seen, device),
        max(lengths),
        max(seen),
        None if keys is None else keys.to(device),
        kinds == {"causal"},
    )


def cross_offsets(targets: Sequence[Segment], sources: Sequence[Segment], device: torch.device) -> Offsets:
    """The offsets of target segments that each attend to the source segment of the same index."""
    queries, keys = ([segment.end - segment.start for segment in segments] for segments in (targets, sources))
    return Offsets(_cumulated(queries, device), _cumulated(keys, device), max(queries), max(keys), None, False)


def applies(query: Tensor, key: Tensor, value: Tensor, form: Form) -> bool:
    """Whether torch's kernel computes this: half precision, equal head sizes, nothing added to the scores."""
    return (
        query.is_cuda
        and query.dtype in (torch.float16, torch.bfloat16)
        and query.shape[-1] == value.shape[-1] <= LARGEST_HEAD
        and query.shape[-1] % 8 == 0
        and form.softcap is None
        and form.sinks is None
        and form.slopes is None
        and form.bias is None
        and form.dropout == 0.0
        and _kernel() is not None
    )


def varlen_attention(query: Tensor, key: Tensor, value: Tensor, at: Offsets, form: Form) -> Tensor:
    """Attention (1, T, H, K) of queries (1, H, T, K) over their own segments and prefixes.

    The kernel aligns a causal mask with the last key, which is what a branch behind its prefix needs.
    """
    query_THK, key_SHK, value_SHK = (x[0].transpose(0, 1) for x in (query, key, value))
    if at.keys is not None:
        key_SHK, value_SHK = key_SHK.index_select(0, at.keys), value_SHK.index_select(0, at.keys)
    output_THK = _kernel()(
        query_THK.contiguous(),
        key_SHK.contiguous(),
        value_SHK.contiguous(),
        at.queries,
        at.num_keys,
        at.longest_query,
        at.longest_key,
        scale=form.scale,
        window_size=window(form.window, at.is_causal),
        enable_gqa=query.shape[1] != key.shape[1],
    )
    return output_THK[None]


def window(size: int | None, is_causal: bool) -> tuple[int, int]:
    """(left, right) as the kernel counts: neighbours besides the token itself, -1 for all."""
    if is_causal:
        return (-1, 0) if size is None else (size - 1, 0)
    return (-1, -1) if size is None else (size, size)


def _seen(segment: Segment, segments: Sequence[Segment]) -> list[tuple[int, int]]:
    own = [(segment.start, segment.end)]
    if segment.prefix < 0:
        return own
    prefix = segments[segment.prefix]
    return [(prefix.start, prefix.end), *own]


def _cumulated(lengths: Sequence[int], device: torch.device) -> Tensor:
    return sent(np.cumsum([0, *lengths]), device, np.int32)


@cache
def _kernel():
    """torch's function where this version has windows and grouped heads (2.12 does), else None."""
    try:
        from torch.nn.attention.varlen import varlen_attn
    except ImportError:
        return None
    return varlen_attn if {"window_size", "enable_gqa"} <= set(inspect.signature(varlen_attn).parameters) else None
