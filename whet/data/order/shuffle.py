"""Seeded permutations that give any part of themselves without building the rest."""

from __future__ import annotations

import numpy as np

# Four rounds of a Feistel network pass for random (Luby and Rackoff 1988), but small sizes have few
# bits a round: with 8 the 120 permutations of 5 are not yet equally frequent (chi-square), with 12 they are.
_ROUNDS = 12
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


class Shuffle:
    """A permutation of `range(size)` chosen by `key`; calling it maps positions to what stands there.

    O(1) memory and time a position, so an epoch of a billion samples costs nothing to enter in the
    middle. numpy's own `permutation` needs the whole array and may change between versions of numpy;
    this depends on `SeedSequence` alone, whose values numpy has promised to keep.
    """

    def __init__(self, size: int, *key: int) -> None:
        self.size = size
        self._keys = np.random.SeedSequence(key).generate_state(_ROUNDS, np.uint64)
        bits = max(1, (size - 1).bit_length())
        self._low_bits = np.uint64(bits // 2)
        self._low = np.uint64((1 << (bits // 2)) - 1)
        self._high = np.uint64((1 << (bits - bits // 2)) - 1)

    def __call__(self, positions: np.ndarray) -> np.ndarray:
        """What stands at `positions` (any integers below `size`), as int64."""
        values = self._encrypt(np.asarray(positions).astype(np.uint64))
        # The network permutes the next power of two; walking its cycle until the value is inside
        # again is a permutation of `range(size)`, and takes less than two walks on average.
        outside = np.flatnonzero(values >= np.uint64(self.size))
        while len(outside):
            values[outside] = self._encrypt(values[outside])
            outside = outside[values[outside] >= np.uint64(self.size)]
        return values.astype(np.int64)

    def all(self) -> np.ndarray:
        """The whole permutation."""
        return self(np.arange(self.size))

    def _encrypt(self, values: np.ndarray) -> np.ndarray:
        low, high = values & self._low, values >> self._low_bits
        for index, key in enumerate(self._keys):
            if index % 2:
                low = low ^ (_mix(high, key) & self._low)
            else:
                high = high ^ (_mix(low, key) & self._high)
        return (high << self._low_bits) | low


def shuffled(size: int, *key: int) -> list[int]:
    """A permutation of `range(size)` chosen by `key`, for sizes of a few hundred."""
    return np.argsort(np.random.SeedSequence(key).generate_state(size, np.uint64), kind="stable").tolist()


def _mix(values: np.ndarray, key: np.uint64) -> np.ndarray:
    """The finalizer of splitmix64 (Steele et al. 2014) over `values` and `key`."""
    values = values + key
    values = (values ^ (values >> np.uint64(30))) * _FIRST
    values = (values ^ (values >> np.uint64(27))) * _SECOND
    return values ^ (values >> np.uint64(31))
