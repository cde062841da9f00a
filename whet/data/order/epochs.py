"""Order: which sample stands where in an epoch, from the seed, the epoch and the manifest alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from whet.base.errors import ConfigError
from whet.data.order.shuffle import Shuffle

# What a key of (seed, epoch or source, purpose, ...) is drawn for, so that no two draws share one.
_EPOCH, _EXTRA, _CHANCE, WINDOW, HELD_OUT, STREAM = range(1, 7)
# Positions worked out at once: a call on fewer costs as much, because numpy's own overhead dominates.
_BLOCK = 1 << 14


class Span(NamedTuple):
    """The samples `start` to `stop` (exclusive) of a source, and how often each comes in an epoch."""

    source: str
    start: int
    stop: int
    weight: float = 1.0


class Order:
    """The samples of each epoch, readable from any position at O(1) a sample.

    A source of weight w gives each of its samples w times an epoch: the whole part to every one,
    the fraction to a part of them that is chosen anew each epoch.
    """

    def __init__(self, spans: Sequence[Span], seed: int, shuffle: bool = True) -> None:
        for span in spans:
            if not 0 <= span.weight < float("inf"):
                raise ConfigError(
                    f"source {span.source} has weight {span.weight}",
                    hint="0 leaves a source out, 1 takes each sample once an epoch, 2 twice",
                )
        self.spans, self.seed, self.shuffle = tuple(spans), seed, shuffle
        self._epochs: dict[int, _Epoch] = {}

    def length(self, epoch: int) -> int:
        """How many samples the epoch has, repeats included."""
        return int(self._open(epoch).ends[-1])

    def __call__(self, epoch: int, start: int, stop: int) -> np.ndarray:
        """Indices of the samples at positions `start` to `stop` (cut at the epoch's end), as int64."""
        stop = min(stop, self.length(epoch))
        blocks = range(start // _BLOCK, -(-stop // _BLOCK))
        parts = [self._block(epoch, block)[max(0, start - block * _BLOCK) : stop - block * _BLOCK] for block in blocks]
        return np.concatenate(parts) if parts else np.empty(0, np.int64)

    def _block(self, epoch: int, block: int) -> np.ndarray:
        """The samples at `_BLOCK` positions; the last two blocks are kept, since windows are read in order."""
        blocks = self._open(epoch).blocks
        if block not in blocks:
            if len(blocks) > 1:
                del blocks[next(iter(blocks))]
            blocks[block] = self._read(epoch, block * _BLOCK, (block + 1) * _BLOCK)
        return blocks[block]

    def _read(self, epoch: int, start: int, stop: int) -> np.ndarray:
        opened = self._open(epoch)
        places = np.arange(start, min(stop, self.length(epoch)))
        if opened.shuffle is not None:
            places = opened.shuffle(places)
        samples = np.empty(len(places), np.int64)
        sources = np.searchsorted(opened.ends, places, side="right") - 1
        for number in np.unique(sources):
            here = sources == number
            samples[here] = self._samples(int(number), epoch, places[here] - opened.ends[number])
        return samples

    def _samples(self, number: int, epoch: int, places: np.ndarray) -> np.ndarray:
        """The samples of one source: all of them as often as its weight says, then the extra ones."""
        span = self.spans[number]
        size = span.stop - span.start
        chosen, extra = places % size, places - int(span.weight) * size
        if (extra >= 0).any():
            chosen[extra >= 0] = Shuffle(size, self.seed, epoch, _EXTRA, number)(extra[extra >= 0])
        return span.start + chosen

    def _open(self, epoch: int) -> _Epoch:
        """What all windows of an epoch share; only the latest is kept."""
        if epoch not in self._epochs:
            counts = [self._count(number, epoch) for number in range(len(self.spans))]
            ends = np.cumsum([0, *counts])
            shuffle = Shuffle(int(ends[-1]), self.seed, epoch, _EPOCH) if self.shuffle else None
            self._epochs = {epoch: _Epoch(ends, shuffle, {})}
        return self._epochs[epoch]

    def _count(self, number: int, epoch: int) -> int:
        span = self.spans[number]
        size, whole = span.stop - span.start, int(span.weight)
        extra = (span.weight - whole) * size
        chance = np.random.SeedSequence((self.seed, epoch, _CHANCE, number)).generate_state(1)[0] / 2**32
        return whole * size + int(extra) + int(chance < extra - int(extra))


class _Epoch(NamedTuple):
    ends: np.ndarray
    shuffle: Shuffle | None
    blocks: dict[int, np.ndarray]
