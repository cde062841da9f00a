"""Samples that a data format has made itself: what of them must hold before anything is learned from them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from whet.contracts.rows import Ready
from whet.contracts.sample import Origin, Sample
from whet.data.refusal import Refused


def ready(row: Ready, origin: Origin) -> Sample | Refused:
    """The row's sample under its origin, or why it cannot be learned from."""
    wrong = _wrong(row.sample)
    if wrong is not None:
        return Refused("bad_sample", wrong)
    ids, weights = np.asarray(row.sample.ids, np.int32), np.asarray(row.sample.weights, np.float32)
    if len(ids) and not np.any(weights if row.sample.is_in_place else weights[1:]) and not row.sample.streams:
        return Refused("nothing_to_train", "no token of the sample has a weight")
    return replace(row.sample, ids=ids, weights=weights, origin=origin)


def _wrong(sample: Sample) -> str | None:
    """What does not fit together in a sample, in a sentence."""
    shape = np.shape(sample.ids)
    if len(shape) != 1:
        return f"`ids` have the shape {shape}, and one row of tokens is meant"
    if shape[0] and not _are_tokens(np.asarray(sample.ids)):
        return "`ids` are not all numbers of tokens"
    along = {"weights": sample.weights, "targets": sample.targets, **sample.values}
    for name, column in along.items():
        if column is not None and np.shape(column)[:1] != shape:
            return f"`{name}` has the shape {np.shape(column)}, and there are {shape[0]:,} tokens"
    if not np.isfinite(sample.weights).all():
        return "`weights` are not all finite numbers"
    if sample.positions is not None and (np.ndim(sample.positions) != 2 or np.shape(sample.positions)[1:] != shape):
        return f"`positions` have the shape {np.shape(sample.positions)}, and (directions, {shape[0]}) is meant"
    if list(sample.cuts) != sorted({cut for cut in sample.cuts if 0 <= cut < shape[0]}):
        return f"`cuts` {sample.cuts} are no places of {shape[0]:,} tokens, in order"
    for medium in sample.media:
        start, stop = medium.span
        if not 0 <= start < stop <= shape[0] or any(start < cut < stop for cut in sample.cuts):
            return f"the {medium.kind} {medium.source} stands at {medium.span}, and there are {shape[0]:,} tokens"
    return next(filter(None, map(_wrong, sample.streams.values())), None)


def _are_tokens(ids: np.ndarray) -> bool:
    return ids.dtype.kind in "iu" and ids.min() >= 0 and ids.max() <= np.iinfo(np.int32).max
