"""A batch whose trained targets are others, such as labels drawn from the model."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from whet.contracts.batch import Batch


def relabelled(batch: Batch, ids_P: Tensor) -> Batch:
    """`batch` with the target of each position that has weight replaced by `ids_P`, in order."""
    stream = batch.text
    targets = stream.targets.clone()
    targets[stream.weights > 0] = ids_P.to(targets.dtype)
    return replace(batch, streams={**batch.streams, "text": replace(stream, targets=targets)})
