"""A batch whose trained targets are others, such as labels drawn from the model."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from whet.contracts.batch import Batch


def relabelled(batch: Batch, ids_P: Tensor) -> Batch:
    """`batch` with the target of each position that has weight replaced by `ids_P`, in order."""
    name = "target" if "target" in batch.streams else "text"
    stream = batch.streams[name]
    targets = stream.targets.clone()
    targets[stream.trained_at] = ids_P.to(targets.dtype)
    return replace(batch, streams={**batch.streams, name: replace(stream, targets=targets)})
