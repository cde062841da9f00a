"""Shifted sparse attention: groups of tokens instead of whole samples while training (LongLoRA, Chen et al. 2024)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from whet.base.errors import ModelError
from whet.contracts.batch import Segment
from whet.kernels.attention import SegmentPlan

PLACE = "whet_group"


def install(module: Any, group: int, *, is_packed: bool) -> None:
    """Train with groups of `group` tokens. Raises ModelError for a model that does not call our attention."""
    if not is_packed:
        raise ModelError(
            "this model computes its attention itself, so it cannot be shifted",
            at="train.group",
            hint="train.group=null",
        )
    object.__setattr__(module, PLACE, group)


def plans(module: nn.Module, segments: Sequence[Segment]) -> tuple[SegmentPlan, SegmentPlan] | None:
    """The groups that each half of the heads sees while the model trains; None where whole samples are seen.

    Differs from the paper's code, which rolls the tokens, so that its last group joins the end of a sample to its
    start: here the first group of the second half is a short one.
    """
    group = module.__dict__.get(PLACE)
    if group is None or not module.training:
        return None
    if any(segment.prefix >= 0 for segment in segments):
        raise ModelError("shared prompts cannot be cut into groups", at="train.group", hint="train.group=null")
    return SegmentPlan(cut(segments, group, group)), SegmentPlan(cut(segments, group, max(group // 2, 1)))


def cut(segments: Sequence[Segment], group: int, first: int) -> tuple[Segment, ...]:
    """Each segment in pieces of `group` tokens, the first of them of `first`."""
    found = []
    for segment in segments:
        edges = [segment.start, *range(segment.start + first, segment.end, group), segment.end]
        found += [Segment(a, b, -1, segment.kind) for a, b in zip(edges, edges[1:], strict=False)]
    return tuple(found)
