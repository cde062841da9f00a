"""Batch: packed, padding-free micro-batches with named streams."""

# T tokens of all segments together   S segments   N sequences

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from whet.contracts.sight import SegmentKind

if TYPE_CHECKING:
    import torch

    from whet.contracts.sample import Origin

    Change = Callable[[torch.Tensor], torch.Tensor]


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

    ids (T,) int64; positions (..., T) int64, restarting in each segment, with more dimensions for models that count in
    several directions; targets (T,) int64, the
    id that follows in the same segment; weights (T,) float32 of those targets, 0 at the last
    token of each segment. `values` (T, ...) float32 or int64 are further numbers of the targets. Of samples that
    are in place, targets, weights and values are those of the token itself.

    `trained_at` (P,) int64 are the places with a weight, in order. They are found when the stream is made, on the host:
    to look for them on a GPU would wait for it. Whoever replaces `weights` replaces it with None, to be found anew.
    """

    ids: torch.Tensor
    positions: torch.Tensor
    segments: tuple[Segment, ...]
    targets: torch.Tensor
    weights: torch.Tensor
    values: Mapping[str, torch.Tensor] = field(default_factory=dict)
    trained_at: torch.Tensor = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.trained_at is None:
            object.__setattr__(self, "trained_at", (self.weights > 0).nonzero().squeeze(1))

    @property
    def num_tokens(self) -> int:
        return self.ids.shape[0]

    @property
    def max_length(self) -> int:
        return max(s.end - s.start for s in self.segments)

    def to(self, device: torch.device | str) -> Stream:
        return self.mapped(lambda tensor: tensor.to(device, non_blocking=True))

    def mapped(self, change: Change) -> Stream:
        """The stream with every tensor changed."""
        return replace(
            self,
            ids=change(self.ids),
            positions=change(self.positions),
            targets=change(self.targets),
            weights=change(self.weights),
            values={name: change(value) for name, value in self.values.items()},
            trained_at=change(self.trained_at),
        )


class MediaRows(NamedTuple):
    """All media of one kind in a batch: their `values` (R, ...) one after the other, how those of each lie (`grids`
    (M, 3)), and the places `spans` (M, 2) where each stands in the flat row of the first stream."""

    values: torch.Tensor
    grids: torch.Tensor
    spans: torch.Tensor


@dataclass(frozen=True, slots=True)
class Batch:
    """A micro-batch: streams of tokens (`text`, or `source` and `target`) and fields per sequence.

    A sample is one sequence; of a group each branch is one, and `num_samples` counts them all. `fields`
    hold tensors whose first dimension is the sequence; `fields["weight"]` (N,) float32 is always there, 1
    for a real one, and `fields["group"]` (N,) where there are groups: the number of each one's group here.
    A *dummy* has weight 0 everywhere: an idle rank runs it so that collectives match. `media` are what stands among the
    tokens, by kind; `origins` (N,) say which row each sequence came from.
    """

    streams: Mapping[str, Stream]
    num_samples: int
    fields: Mapping[str, torch.Tensor] = field(default_factory=dict)
    media: Mapping[str, MediaRows] = field(default_factory=dict)
    origins: Sequence[Origin | None] = ()

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
        return self.mapped(lambda tensor: tensor.to(device, non_blocking=True))

    def pinned(self) -> Batch:
        """The batch in memory from which a GPU copies while it computes."""
        return self.mapped(lambda tensor: tensor.pin_memory())

    def mapped(self, change: Change) -> Batch:
        """The batch with every tensor changed."""
        return replace(
            self,
            streams={name: stream.mapped(change) for name, stream in self.streams.items()},
            fields={name: change(value) for name, value in self.fields.items()},
            media={name: MediaRows(*map(change, rows)) for name, rows in self.media.items()},
        )
