"""Batches built by hand for the tests of this room."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from whet.contracts.batch import Batch, Segment, Stream


def packed(samples: Sequence[Sequence[int]], weights: Sequence[Sequence[float]] | None = None) -> Batch:
    """Samples in one flat row. `weights[i][t]` counts the prediction of `samples[i][t]`: all of them by default."""
    segments, targets, shifted, start = [], [], [], 0
    for i, sample in enumerate(samples):
        own = weights[i] if weights else [1.0] * len(sample)
        segments.append(Segment(start, start + len(sample)))
        targets += [*sample[1:], 0]
        shifted += [*own[1:], 0.0]
        start += len(sample)
    stream = Stream(
        ids=torch.tensor([token for sample in samples for token in sample]),
        positions=torch.cat([torch.arange(len(sample)) for sample in samples]),
        segments=tuple(segments),
        targets=torch.tensor(targets),
        weights=torch.tensor(shifted),
    )
    return Batch({"text": stream}, len(samples), {"weight": torch.ones(len(samples))})


def random_samples(lengths: Sequence[int], vocab: int, seed: int = 0) -> list[list[int]]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(1, vocab, (length,), generator=generator).tolist() for length in lengths]
