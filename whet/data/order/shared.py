"""Shared samples: those that are held out and trained as well, so that their loss says nothing of others."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np

from whet.contracts.sample import Sample
from whet.data.order.dataset import Dataset

# Samples that are read to be compared; only those of a held-out one's lengths are.
MOST_READ = 20_000


def shared(trained: Dataset, held_out: Dataset, most: int = MOST_READ) -> tuple[int, int]:
    """How many different held-out samples have the tokens and the mask of one that is trained, and how many there are.

    Of each set at most about `most` samples are read, evenly spread: of larger ones fewer may be found.
    """
    measured = {_digest(held_out[int(index)]) for index in _spread(np.arange(len(held_out)), most)}
    like = np.flatnonzero(np.isin(_sizes(trained), _sizes(held_out)))
    return len(measured & {_digest(trained[int(index)]) for index in _spread(like, most)}), len(measured)


def on_shared(data: Mapping[str, Dataset]) -> list[str]:
    """A sentence where samples of the data set `held_out` are in `train` too."""
    if "held_out" not in data:
        return []
    count, total = shared(data["train"], data["held_out"])
    said = f"{count:,} of {total:,} different samples that are held out are trained too: take them out of data.train"
    return [f"{said}, or what is measured says nothing of other rows"] if count else []


def _spread(indices: np.ndarray, most: int) -> np.ndarray:
    return indices[:: max(1, -(-len(indices) // most))]


def _sizes(data: Dataset) -> np.ndarray:
    """Tokens and trained tokens (N,) of each sample as one number."""
    return (np.asarray(data.lengths, np.int64) << 32) | np.asarray(data.trained, np.int64)


def _digest(sample: Sample) -> bytes:
    """Of what is learned from: tokens and mask of all streams, and the fields of samples without tokens."""
    found = hashlib.blake2b(digest_size=16)
    parts = [sample.ids, sample.weights, *(sample.fields.values() if not len(sample.ids) else ())]
    for part in parts:
        found.update(np.ascontiguousarray(part).tobytes())
    for medium in sample.media:
        found.update(f"{medium.kind} {medium.source}".encode())
    for name in sorted(sample.streams):
        found.update(_digest(sample.streams[name]))
    return found.digest()
