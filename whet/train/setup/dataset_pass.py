"""A pass over a whole data set: what a model that is only asked says of every sample."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from whet.contracts.batch import Batch
from whet.contracts.sample import Sample
from whet.contracts.steps import Step
from whet.data.order.dataset import Dataset
from whet.train.step.micro_batches import Dealer


def batches_of(data: Dataset, dealer: Dealer, chunk_tokens: int, doing: str) -> Iterator[tuple[Batch, Sequence[int]]]:
    """This rank's batches of one pass over `data`, each with the numbers of its samples; a dummy has none.

    About `chunk_tokens` are dealt at a time, and stderr is told what is being done and how far.
    """
    world, told = dealer.world, _Told(doing, len(data))
    for start, stop in _chunks(data.lengths, chunk_tokens):
        step = Step(-1, data.lengths[start:stop].tolist(), partial(_fetch, data, start))
        rows = dealer.rows(step.lengths)[world.index("data") :: world.count("data")]
        for number, batch in enumerate(dealer(step)):
            yield batch, [start + index for index in rows[number]] if number < len(rows) else []
        told(stop)


def _fetch(data: Dataset, start: int, index: int) -> Sample:
    return data[start + index]


def _chunks(lengths: np.ndarray, budget: int) -> Iterator[tuple[int, int]]:
    """Ranges of samples of about `budget` tokens each."""
    ends = np.cumsum(lengths)
    start = 0
    while start < len(lengths):
        before = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + budget, side="right")))
        yield start, stop
        start = stop


class _Told:
    """Says on stderr how far the pass is, after 2 seconds and then every 10."""

    def __init__(self, doing: str, total: int) -> None:
        self._doing, self._total, self._due = doing, total, time.monotonic() + 2

    def __call__(self, done: int) -> None:
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + 10
            print(f"{self._doing}: {done:,} of {self._total:,} samples", file=sys.stderr, flush=True)
