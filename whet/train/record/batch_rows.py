"""The rows of a micro-batch as columns: where each came from, its part of the loss, and a digest of its tokens."""

# N sequences  P trained tokens  T tokens

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from whet.contracts.batch import Batch, Segment, Stream
from whet.train.step.losses import PartsRead

# Fields that are no news of a row: columns of their own say which group it is in, and a weight of 1 nothing.
_LEFT_OUT = frozenset({"group", "weight"})


@dataclass(frozen=True, slots=True)
class BatchRows:
    """`sources` (N,) by name, and columns (N,)."""

    sources: Sequence[str | None]
    columns: Mapping[str, np.ndarray]


def is_dummy(batch: Batch) -> bool:
    """Whether the batch is one that an idle rank runs so that collectives match."""
    return not batch.fields["weight"].any() and not any(len(one.trained_at) for one in batch.streams.values())


def rows_of_batch(batch: Batch, number: int, first_sample: int, parts: PartsRead | None) -> BatchRows:
    """The rows of micro-batch `number`, whose samples are counted from `first_sample` on."""
    count = batch.num_samples
    origins = [*batch.origins, *[None] * (count - len(batch.origins))]
    groups = batch.fields["group"].numpy() if "group" in batch.fields else np.arange(count)
    bounds, weight_P = _trained(batch)
    columns = {
        "row": np.array([0 if one is None else one.row for one in origins], np.int64),
        "part": np.array([0 if one is None else one.part for one in origins], np.int64),
        "sample": groups + first_sample,
        "batch": np.full(count, number),
        "tokens": np.diff(bounds),
        "loss": _losses(parts, bounds, weight_P, groups),
        "digest": _digests(batch),
        **{name: value.numpy() for name, value in batch.fields.items() if name not in _LEFT_OUT and value.dim() == 1},
    }
    return BatchRows([None if one is None else one.source for one in origins], columns)


def joined(rows: Sequence[BatchRows]) -> BatchRows:
    """The rows of several micro-batches, with the columns that all of them have."""
    names = [name for name in rows[0].columns if all(name in one.columns for one in rows)]
    columns = {name: np.concatenate([one.columns[name] for one in rows]) for name in names}
    return BatchRows([source for one in rows for source in one.sources], columns)


def tokens_of_sequence(batch: Batch, index: int, losses_P: np.ndarray) -> Sequence[np.ndarray]:
    """Ids of all tokens of a sequence, and of its trained ones their places, targets and losses."""
    stream = batch.trained
    segment = sequences(stream)[index]
    trained_P = stream.trained_at.numpy()
    first, last = np.searchsorted(trained_P, (segment.start, segment.end))
    at = trained_P[first:last]
    before = stream.segments[segment.prefix] if segment.prefix >= 0 else Segment(0, 0)
    shared = before.end - before.start
    ids = stream.ids.numpy()
    whole = np.concatenate([ids[before.start : before.end], ids[segment.start : segment.end]])
    return whole, at - segment.start + shared, stream.targets.numpy()[at], losses_P[first:last]


def sequences(stream: Stream) -> list[Segment]:
    """The segment of each sequence (N,): all but those that are only a beginning of others."""
    beginnings = {segment.prefix for segment in stream.segments}
    if len(beginnings) == 1:  # -1 alone
        return list(stream.segments)
    return [segment for number, segment in enumerate(stream.segments) if number not in beginnings]


def _trained(batch: Batch) -> tuple[np.ndarray, np.ndarray]:
    """Where the trained tokens (P,) of each sequence begin and end, (N + 1,), and their weights (P,)."""
    if not batch.streams:
        return np.zeros(batch.num_samples + 1, np.int64), np.empty(0)
    stream = batch.trained
    trained_P = stream.trained_at.numpy()
    ends = np.searchsorted(trained_P, [segment.end for segment in sequences(stream)])
    return np.concatenate([[0], ends]), stream.weights.numpy()[trained_P]


def _losses(parts: PartsRead | None, bounds: np.ndarray, weight_P: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """What of the loss is each sequence's own (N,): a mean over its tokens, its number, or its group's."""
    if parts is None:
        return np.full(len(groups), np.nan, np.float32)
    if parts.of == "token":
        columns = (weight_P * parts.values, weight_P)
        sums = [np.concatenate([[0.0], np.cumsum(column, dtype=np.float64)]) for column in columns]
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.divide(*(total[bounds[1:]] - total[bounds[:-1]] for total in sums))
    return parts.values[groups] if parts.of == "group" else parts.values


def _digests(batch: Batch) -> np.ndarray:
    """CRC-32 (N,) of what is learned from: tokens and weights of all streams, or the fields of rows without tokens."""
    if not batch.streams:
        fields = [np.ascontiguousarray(value.numpy()) for value in batch.fields.values()]
        return np.array([_crc([memoryview(field[i].tobytes()) for field in fields]) for i in range(batch.num_samples)])
    found = [0] * batch.num_samples
    for stream in batch.streams.values():
        ids, weights = _bytes(stream.ids.numpy()), _bytes(stream.weights.numpy())
        for index, (start, end, prefix, _) in enumerate(sequences(stream)[: batch.num_samples]):
            pieces = [ids[8 * start : 8 * end], weights[4 * start : 4 * end]]  # int64 and float32
            if prefix >= 0:
                before = stream.segments[prefix]
                pieces.insert(0, ids[8 * before.start : 8 * before.end])
            found[index] = _crc(pieces, found[index])
    return np.array(found)


def _bytes(column: np.ndarray) -> memoryview:
    return np.ascontiguousarray(column).data.cast("B")


def _crc(pieces: Sequence[memoryview], start: int = 0) -> int:
    for piece in pieces:
        start = zlib.crc32(piece, start)
    return start
