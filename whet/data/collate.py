"""Collate: samples to a batch, packed in one flat row without padding."""

# T tokens of all samples together   N samples

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from whet.base.errors import DataError
from whet.contracts.batch import Batch, Segment, Stream
from whet.contracts.sample import Sample


def collate(samples: Sequence[Sample], *, trained: bool = True) -> Batch:
    """One micro-batch of the samples in their order; not `trained`, all its weights are 0.

    Token samples become the stream `text`, one causal segment each. Fields are stacked; `weight` is 1
    a sample unless the samples bring their own. Raises DataError where samples do not go together.
    """
    fields = {name: _stacked(name, samples) for name in _field_names(samples)}
    weight = fields.get("weight", torch.ones(len(samples))).float()
    fields["weight"] = weight if trained else torch.zeros_like(weight)
    lengths = np.array([sample.num_tokens for sample in samples])
    if not lengths.any():
        return Batch({}, len(samples), fields)
    if not lengths.all():
        raise DataError("samples with and without tokens cannot share a batch", at=_place(samples, lengths == 0))
    return Batch({"text": _stream(samples, lengths, trained)}, len(samples), fields)


def dummy(sample: Sample) -> Batch:
    """A batch that trains nothing, shaped like `sample`, for a rank that has no work."""
    return collate([sample], trained=False)


def _stream(samples: Sequence[Sample], lengths: np.ndarray, trained: bool) -> Stream:
    ends = np.cumsum(lengths)
    starts = ends - lengths
    ids = np.concatenate([sample.ids for sample in samples]).astype(np.int64)
    # Sample.weights[t] counts the prediction of ids[t]; in a stream it stands where ids[t] is the target.
    targets, weights = np.zeros(len(ids), np.int64), np.zeros(len(ids), np.float32)
    targets[:-1] = ids[1:]
    targets[ends - 1] = 0
    if trained:
        weights[:-1] = np.concatenate([sample.weights for sample in samples])[1:]
        weights[ends - 1] = 0
    return Stream(
        ids=torch.from_numpy(ids),
        positions=torch.from_numpy(np.arange(len(ids)) - np.repeat(starts, lengths)),
        segments=tuple(map(Segment, starts.tolist(), ends.tolist())),
        targets=torch.from_numpy(targets),
        weights=torch.from_numpy(weights),
    )


def _field_names(samples: Sequence[Sample]) -> list[str]:
    names = list(samples[0].fields)
    other = np.array([set(sample.fields) != set(names) for sample in samples])
    if other.any():
        raise DataError(f"samples of a batch differ in fields: not all have {names}", at=_place(samples, other))
    return names


def _stacked(name: str, samples: Sequence[Sample]) -> torch.Tensor:
    """(N, ...) of a field: float32 or int64."""
    values = [np.asarray(sample.fields[name]) for sample in samples]
    other = np.array([value.shape != values[0].shape for value in values])
    if other.any():
        raise DataError(f"samples of a batch differ in the shape of `{name}`", at=_place(samples, other))
    stacked = np.stack(values)
    return torch.from_numpy(stacked.astype(np.float32 if stacked.dtype.kind == "f" else np.int64))


def _place(samples: Sequence[Sample], which: np.ndarray) -> str | None:
    origin = samples[int(np.flatnonzero(which)[0])].origin
    return f"{origin.source} row {origin.row}" if origin else None
