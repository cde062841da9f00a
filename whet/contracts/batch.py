"""Batch: packed, padding-free micro-batches with named streams."""

# T tokens of all segments together   S segments   N sequences

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    import torch

SegmentKind = Literal["causal", "bidirectional", "cross"]


class Segment(NamedTuple):
    """Tokens `start` to `end` (exclusive) that see each other, and no others.

    `prefix` is the index of the one segment of the same stream that they see as well (a prompt
    shared by several branches), or -1. A `cross` segment attends to the segment of the same
    index in the other stream.
    """

    start: int
    end: int
    prefix: int = -1
    kind: SegmentKind = "causal"


@dataclass(frozen=True, slots=True)
class Stream:
    """One flat row of tokens cut into segments.

    ids (T,) int64; positions (..., T) int64, restarting in each segment; targets (T,) int64, the
    id that follows in the same segment; weights (T,) float32 of those targets, 0 at the last
    token of each segment. `values` (T, ...) float32 or int64 are further numbers of the targets. Of samples that
    are in place, targets, weights and values are those of the token itself.
    """

    ids: torch.Tensor
    positions: torch.Tensor
    segments: tuple[Segment, ...]
    targets: torch.Tensor
    weights: torch.Tensor
    values: Mapping[str, torch.Tensor] = field(default_factory=dict)

    @property
    def num_tokens(self) -> int:
        return self.ids.shape[0]

    @property
    def max_length(self) -> int:
        return max(s.end - s.start for s in self.segments)

    def to(self, device: torch.device | str) -> Stream:
        moved = {n: getattr(self, n).to(device, non_blocking=True) for n in ("ids", "positions", "targets", "weights")}
        values = {name: value.to(device, non_blocking=True) for name, value in self.values.items()}
        return replace(self, values=values, **moved)


@dataclass(frozen=True, slots=True)
class Batch:
    """A micro-batch: streams of tokens (`text`, or `source` and `target`) and fields per sequence.

    A sample is one sequence; of a group each branch is one, and `num_samples` counts them all. `fields`
    hold tensors whose first dimension is the sequence; `fields["weight"]` (N,) float32 is always there, 1
    for a real one, and `fields["group"]` (N,) where there are groups: the number of each one's group here.
    A *dummy* has weight 0 everywhere: an idle rank runs it so that collectives match.
    """

    streams: Mapping[str, Stream]
    num_samples: int
    fields: Mapping[str, torch.Tensor] = field(default_factory=dict)

    @property
    def text(self) -> Stream:
        return self.streams["text"]

    @property
    def trained(self) -> Stream:
        """The stream whose tokens are predicted: `target` of an encoder-decoder, else `text`."""
        return self.streams.get("target") or self.streams["text"]

    @property
    def num_tokens(self) -> int:
        return sum(stream.num_tokens for stream in self.streams.values())

    def to(self, device: torch.device | str) -> Batch:
        return Batch(
            {name: stream.to(device) for name, stream in self.streams.items()},
            self.num_samples,
            {name: value.to(device, non_blocking=True) for name, value in self.fields.items()},
        )
