"""A batch whose trained targets are others, such as labels drawn from the model: the same ones in any batch."""

from __future__ import annotations

import zlib
from dataclasses import replace

import torch
from torch import Tensor

from whet.base.seeds import derive
from whet.contracts.batch import Batch


def draws(batch: Batch, seed: int, step: int) -> Tensor:
    """A number in [0, 1) for each position that has weight (P,) float64: a function of seed, step and the sample's
    tokens, so that no split into micro-batches, ranks or rows changes it."""
    stream = batch.trained
    draws_T = torch.zeros(stream.num_tokens, dtype=torch.float64)
    for segment in stream.segments:
        own = slice(segment.start, segment.end)
        name = zlib.crc32(stream.ids[own].cpu().numpy().tobytes())
        source = torch.Generator().manual_seed(derive(seed, "curvature", step, name))
        draws_T[own] = torch.rand(segment.end - segment.start, dtype=torch.float64, generator=source)
    return draws_T.to(stream.ids.device)[stream.trained_at]


def relabelled(batch: Batch, ids_P: Tensor) -> Batch:
    """`batch` with the target of each position that has weight replaced by `ids_P`, in order."""
    name = "target" if "target" in batch.streams else "text"
    stream = batch.streams[name]
    targets = stream.targets.clone()
    targets[stream.trained_at] = ids_P.to(targets.dtype)
    return replace(batch, streams={**batch.streams, name: replace(stream, targets=targets)})
