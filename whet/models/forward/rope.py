"""Rotary embeddings whose frequencies depend on the longest sequence of a batch, made to depend on each sample's own.

`longrope` and `dynamic` choose frequencies by the largest position they are called with (transformers 5.23,
`modeling_rope_utils.dynamic_rope_update`), so a long sample in a row would turn its short neighbours' tokens too.
"""

# T tokens  K rotary dim

from __future__ import annotations

from collections.abc import Iterator
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn

BY_LENGTH = ("longrope", "dynamic")


def isolate(module: nn.Module) -> None:
    """Call such embeddings once a sample. Only these instances change; safe to call again."""
    for part, _ in by_length(module):
        part.forward = MethodType(_each_sample, part)


def by_length(module: nn.Module) -> Iterator[tuple[nn.Module, str]]:
    """Such embeddings of a module, and of which kind each is."""
    for part in module.modules():
        kinds = getattr(part, "rope_type", None)
        for kind in kinds.values() if isinstance(kinds, dict) else [kinds]:
            if kind in BY_LENGTH:
                yield part, kind
                break


def _each_sample(self: nn.Module, x: Tensor, position_ids: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
    """Cosines and sines (1, T, K); a new sample starts where positions do not go on."""
    own = type(self).forward
    if len(position_ids) > 1:
        return own(self, x, position_ids, *args, **kwargs)
    starts = (position_ids[0].diff() != 1).nonzero().squeeze(1) + 1
    parts = []
    for ids in position_ids.tensor_split(starts.tolist(), dim=1):
        _forget(self)
        parts.append(own(self, x, ids, *args, **kwargs))
    cosines, sines = zip(*parts, strict=True)
    return torch.cat(cosines, dim=1), torch.cat(sines, dim=1)


def forget(module: nn.Module) -> None:
    """Drop the lengths that embeddings of a module remember."""
    for part in module.modules():
        if getattr(part, "rope_type", None) == "dynamic":
            _forget(part)


def _forget(part: Any) -> None:
    """Drop the longest length that `dynamic` remembers: else a step would depend on the steps before it."""
    if part.rope_type == "dynamic":
        part.max_seq_len_cached = part.original_max_seq_len
        part.inv_freq = part.original_inv_freq.to(part.inv_freq.device)
