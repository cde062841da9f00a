"""Sequences: from trained positions to what each reply of a batch sums to."""

# P trained positions  N sequences  G groups

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from whet.contracts.batch import Batch, Stream
from whet.contracts.model import Model
from whet.kernels.host import sent

LOGPROBS = frozenset({"logprobs"})


@dataclass(frozen=True, slots=True)
class Replies:
    """Which sequence each trained position belongs to, and its weight.

    owner_P int64, weights_P float32, lengths_N float64: the weight of all trained tokens of a sequence.
    """

    owner_P: Tensor
    weights_P: Tensor
    lengths_N: Tensor

    @classmethod
    def of(cls, batch: Batch) -> Replies:
        stream = batch.text
        owner_P, weights_P = _owners(stream)[stream.trained_at], stream.weights[stream.trained_at]
        return cls(owner_P, weights_P, _sums(weights_P, owner_P, batch.num_samples))

    def sums(self, values_P: Tensor, factor_P: Tensor | None = None) -> Tensor:
        """Sum of weight x value over each sequence (N,), in float64: replies are long, and differences small."""
        weights_P = self.weights_P if factor_P is None else self.weights_P * factor_P
        return _sums(values_P * weights_P, self.owner_P, len(self.lengths_N))

    @property
    def counts_N(self) -> Tensor:
        """Trained positions of each sequence (N,) int64; `bincount` would wait for the GPU."""
        none_N = torch.zeros_like(self.lengths_N, dtype=torch.int64)
        return none_N.index_add(0, self.owner_P, torch.ones_like(self.owner_P))

    def places(self) -> Tensor:
        """The number of each trained position among those of its sequence (P,), from 0."""
        num_positions, counts_N = torch.arange(len(self.owner_P), device=self.owner_P.device), self.counts_N
        return num_positions - (counts_N.cumsum(0) - counts_N)[self.owner_P]


def reply_logprobs(model: Model, batch: Batch) -> Tensor:
    """log p of each sequence's trained tokens, summed (N,) float64."""
    return Replies.of(batch).sums(model.run(batch, LOGPROBS)["logprobs"])


def _owners(stream: Stream) -> Tensor:
    """The sequence of each token (T,): segments in order, without those that are only a beginning of others."""
    beginnings = {segment.prefix for segment in stream.segments}
    numbers, lengths, number = [], [], -1
    for index, segment in enumerate(stream.segments):
        number += index not in beginnings
        numbers.append(max(number, 0))
        lengths.append(segment.end - segment.start)
    return sent(np.repeat(numbers, lengths), stream.ids.device)


def _sums(values_P: Tensor, owner_P: Tensor, num_sequences: int) -> Tensor:
    return torch.zeros(num_sequences, dtype=torch.float64, device=values_P.device).index_add(
        0, owner_P, values_P.double()
    )
