"""Collate: samples to a batch, packed in one flat row without padding."""

# T tokens of all samples together   N sequences

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from whet.base.errors import DataError
from whet.contracts.batch import Batch, MediaRows, Segment, Stream
from whet.contracts.sample import Media, Sample
from whet.data.render.branches import separate

TARGET = "target"


def collate(samples: Sequence[Sample], *, trained: bool = True, shared: bool = True) -> Batch:
    """One micro-batch of the samples in their order; not `trained`, all its weights are 0.

    Token samples become the stream `text` (`source`, with a `target` beside it), one segment each. Of a group the
    shared beginning is a segment and each branch another one that sees it; not `shared`, each branch is whole, for
    models that cannot share. Fields are stacked; `weight` is 1 a sequence unless the samples bring their own. Raises
    DataError where samples do not go together.
    """
    names = _shared_names("fields", samples, [sample.fields for sample in samples])
    origins = tuple(sample.origin for sample in samples for _ in sample.cuts or (0,))
    rows, beside = [sample.streams for sample in samples], samples[0].streams.keys()
    has_groups = any(sample.cuts for sample in samples)
    num_sequences = sum(len(sample.cuts) or 1 for sample in samples)
    fields = {name: _stacked(name, samples, has_groups) for name in names}
    if has_groups:
        counts = [len(sample.cuts) or 1 for sample in samples]
        fields["group"] = torch.from_numpy(np.repeat(np.arange(len(samples)), counts))
    weight = fields.get("weight", torch.ones(num_sequences)).float()
    fields["weight"] = weight if trained else torch.zeros_like(weight)
    lengths = np.array([sample.num_tokens for sample in samples])
    if not lengths.any():
        return Batch({}, num_sequences, fields, _media(samples), origins)
    if not lengths.all():
        raise DataError(
            "samples with and without tokens cannot share a batch",
            at=_place(samples, lengths == 0),
            hint="data of one kind: rows with tokens, or rows without",
        )
    if has_groups and not shared:
        samples = [whole for sample in samples for whole in separate(sample)]
    streams = {"source" if TARGET in beside else "text": _stream(samples, trained)}
    for name in beside:
        streams[name] = _stream([row[name] for row in rows], trained)
    return Batch(streams, num_sequences, fields, _media(samples), origins)


def dummy(sample: Sample, *, shared: bool = True) -> Batch:
    """A batch that trains nothing, shaped like `sample`, for a rank that has no work."""
    return collate([sample], trained=False, shared=shared)


def _stream(samples: Sequence[Sample], trained: bool) -> Stream:
    lengths, firsts, prefixes = _layout(samples)
    ends = np.cumsum(lengths)
    starts = ends - lengths
    ids = np.concatenate([sample.ids for sample in samples]).astype(np.int64)
    weights = np.concatenate([sample.weights for sample in samples]).astype(np.float32)
    columns: dict[str, np.ndarray] = {
        "targets": _targets(samples, ids),
        "weights": weights if trained else np.zeros_like(weights),
        **_values(samples),
    }
    if not _is_in_place(samples):
        columns = {name: _before(column, ends) for name, column in columns.items()}
    columns["trained_at"] = np.flatnonzero(columns["weights"] > 0)
    tensors = {name: torch.from_numpy(np.ascontiguousarray(column)) for name, column in columns.items()}
    kinds = np.repeat([sample.kind for sample in samples], [_num_segments(sample) for sample in samples]).tolist()
    return Stream(
        ids=torch.from_numpy(ids),
        positions=_positions(samples, np.arange(len(ids)) - np.repeat(starts - firsts, lengths)),
        segments=tuple(map(Segment, starts.tolist(), ends.tolist(), prefixes, kinds)),
        targets=tensors.pop("targets"),
        weights=tensors.pop("weights"),
        trained_at=tensors.pop("trained_at"),
        values=tensors,
    )


def _positions(samples: Sequence[Sample], counted_T: np.ndarray) -> torch.Tensor:
    """(T,), counted from 0 in each segment; (R, T) where samples bring their own, for others the count R times over."""
    given = [sample.positions for sample in samples if sample.positions is not None]
    if not given:
        return torch.from_numpy(counted_T)
    rows = max(map(len, given))
    edges = np.cumsum([len(sample.ids) for sample in samples])[:-1]
    pairs = zip(samples, np.split(counted_T, edges), strict=True)
    own = [np.tile(counted, (rows, 1)) if s.positions is None else s.positions for s, counted in pairs]
    return torch.from_numpy(np.concatenate(own, axis=1).astype(np.int64))


def _media(samples: Sequence[Sample]) -> dict[str, MediaRows]:
    """What stands among the tokens of the samples' first stream, by kind."""
    if not any(sample.media for sample in samples):
        return {}
    starts = np.cumsum([0, *(len(sample.ids) for sample in samples)]).tolist()
    found: dict[str, list[tuple[int, Media]]] = {}
    for start, sample in zip(starts, samples, strict=False):
        for medium in sample.media:
            found.setdefault(medium.kind, []).append((start, medium))
    return {
        kind: MediaRows(
            torch.from_numpy(np.concatenate([medium.values for _, medium in placed])),
            torch.tensor([medium.grid for _, medium in placed]),
            torch.tensor([[start + at for at in medium.span] for start, medium in placed]),
        )
        for kind, placed in found.items()
    }


def _before(column_T: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Each token's entry at the place before it, from which the token is predicted; 0 at the last of a segment."""
    moved_T = np.zeros_like(column_T)
    moved_T[:-1] = column_T[1:]
    moved_T[ends - 1] = 0
    return moved_T


def _targets(samples: Sequence[Sample], ids: np.ndarray) -> np.ndarray:
    """What is predicted: the tokens, or of samples that bring them, their targets."""
    if all(sample.targets is None for sample in samples):
        return ids
    own = [sample.ids if sample.targets is None else sample.targets for sample in samples]
    return np.concatenate(own).astype(np.int64)


def _is_in_place(samples: Sequence[Sample]) -> bool:
    ways = np.array([sample.is_in_place for sample in samples])
    if ways.any() and not ways.all():
        raise DataError(
            "samples whose weights speak of a token and of its prediction cannot share a batch",
            at=_place(samples, ways != ways[0]),
            hint="one format in all of data.train",
        )
    return bool(ways[0])


def _values(samples: Sequence[Sample]) -> dict[str, np.ndarray]:
    """The samples' further numbers of each token (T, ...), one after the other, as float32 or int64."""
    names = _shared_names("values", samples, [sample.values for sample in samples])
    columns = {name: np.concatenate([np.asarray(sample.values[name]) for sample in samples]) for name in names}
    return {name: c.astype(np.float32 if c.dtype.kind == "f" else np.int64) for name, c in columns.items()}


def _num_segments(sample: Sample) -> int:
    return len(sample.branches) + bool(sample.cuts and sample.cuts[0])


def _layout(samples: Sequence[Sample]) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Of each segment: its length, its first position, and the segment that it sees besides itself, or -1."""
    lengths: list[int] = []
    firsts: list[int] = []
    prefixes: list[int] = []
    for sample in samples:
        shared = sample.cuts[0] if sample.cuts else 0
        if shared:
            lengths.append(shared)
            firsts.append(0)
            prefixes.append(-1)
        beginning = len(lengths) - 1 if shared else -1
        for branch in sample.branches:
            lengths.append(branch.stop - branch.start)
            firsts.append(shared)
            prefixes.append(beginning)
    return np.array(lengths), np.array(firsts), prefixes


def _shared_names(what: str, samples: Sequence[Sample], named: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names that all samples have; raises DataError, with the place, where they differ."""
    names = list(named[0])
    other = np.array([set(own) != set(names) for own in named])
    if other.any():
        raise DataError(
            f"samples of a batch differ in {what}: not all have {names}",
            at=_place(samples, other),
            hint="the same columns in all rows of data.train",
        )
    return names


def _stacked(name: str, samples: Sequence[Sample], has_groups: bool) -> torch.Tensor:
    """(N, ...) of a field: float32 or int64. A group brings an entry a branch."""
    values = [np.asarray(sample.fields[name]) for sample in samples]
    if has_groups:
        pairs = zip(values, samples, strict=True)
        values = [value if sample.cuts else value[None] for value, sample in pairs]
        wrong = np.array([len(v) != (len(s.cuts) or 1) for v, s in zip(values, samples, strict=True)])
        other = wrong | np.array([value.shape[1:] != values[0].shape[1:] for value in values])
    else:
        other = np.array([value.shape != values[0].shape for value in values])
    if other.any():
        raise DataError(
            f"samples of a batch differ in the shape of `{name}`",
            at=_place(samples, other),
            hint="the same number of values in every row",
        )
    stacked = np.concatenate(values) if has_groups else np.stack(values)
    return torch.from_numpy(stacked.astype(np.float32 if stacked.dtype.kind == "f" else np.int64))


def _place(samples: Sequence[Sample], which: np.ndarray) -> str | None:
    origin = samples[int(np.flatnonzero(which)[0])].origin
    return f"{origin.source} row {origin.row}" if origin else None
