"""Shifted sparse attention: groups of tokens instead of whole samples while training (LongLoRA, Chen et al. 2024)."""

# T tokens  H heads  K head dim

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from whet.base.errors import ModelError
from whet.contracts.batch import Segment, Stream
from whet.contracts.feature import ModelFeature
from whet.kernels.attention import SegmentPlan
from whet.kernels.attention_spec import Form

if TYPE_CHECKING:
    from whet.contracts.feature import Around, Attend


@dataclass(frozen=True, slots=True)
class Groups(ModelFeature):
    """While the model trains, tokens see groups of `group` tokens, which lie half a group later in half of the heads.

    Differs from the paper's code, which rolls the tokens, so that its last group joins the end of a sample to its
    start: here the first group of the second half is a short one.
    """

    group: int

    def around(self, module: nn.Module, stream: Stream) -> Around | None:
        if not module.training:
            return None
        if any(segment.prefix >= 0 for segment in stream.segments):
            raise ModelError("shared prompts cannot be cut into groups", at="train.group", hint="train.group=null")
        firsts = self.group, max(self.group // 2, 1)
        one, other = (SegmentPlan(cut(stream.segments, self.group, first)) for first in firsts)
        return Shifted((one, other))


@dataclass(frozen=True, slots=True)
class Shifted:
    """Attention over finer segments, of their own for each half of the heads."""

    plans: tuple[SegmentPlan, SegmentPlan]

    def __call__(
        self, attend: Attend, layer: nn.Module, query: Tensor, key: Tensor, value: Tensor, plan: SegmentPlan, form: Form
    ) -> Tensor:
        if key.shape[1] % 2:  # a key head that both halves read
            groups = query.shape[1] // key.shape[1]
            key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
        halves = zip(*(tensor.chunk(2, dim=1) for tensor in (query, key, value)), strict=True)
        sinks, slopes = ((None, None) if one is None else one.chunk(2) for one in (form.sinks, form.slopes))
        parts = [
            attend(q, k, v, plan, replace(form, sinks=sink, slopes=slope))
            for (q, k, v), plan, sink, slope in zip(halves, self.plans, sinks, slopes, strict=True)
        ]
        return torch.cat(parts, dim=2)


def cut(segments: Sequence[Segment], group: int, first: int) -> tuple[Segment, ...]:
    """Each segment in pieces of `group` tokens, the first of them of `first`."""
    found = []
    for segment in segments:
        edges = [segment.start, *range(segment.start + first, segment.end, group), segment.end]
        found += [Segment(a, b, -1, segment.kind) for a, b in zip(edges, edges[1:], strict=False)]
    return tuple(found)
