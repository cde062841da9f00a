"""Blocks of tokens that the layers of one window keep their keys and values in, and who holds which."""

# M blocks  H heads  B tokens of a block  K head dim

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor

# There are so many blocks at first, and half as many more when they are all held.
_LEAST = 64
# While so few sequences go on, each is placed where it can grow without a gap: its blocks are then read in one go.
FEW = 8


@dataclass(slots=True)
class Layer:
    """Keys and values (M, H, B, K) of one layer: all heads of a block side by side, so that it is read in one go."""

    keys: Tensor
    values: Tensor


@dataclass(slots=True)
class Table:
    """The blocks that a sequence holds, the first of them its `first`-th: those before it fell out of the window."""

    ids: list[int] = field(default_factory=list)
    first: int = 0

    @property
    def end(self) -> int:
        """The number behind that of its last block."""
        return self.first + len(self.ids)


class Blocks:
    """Blocks of all layers that see as far (`window`, None: everything), each held by any number of sequences."""

    def __init__(self, window: int | None, size: int) -> None:
        self.window, self.size = window, size
        self.layers: dict[int, Layer] = {}
        self._num_holders: list[int] = []
        self._free = bytearray()

    @property
    def count(self) -> int:
        return len(self._num_holders)

    def layer(self, number: int, keys_BHTK: Tensor, values_BHTK: Tensor) -> Layer:
        """Those of a layer, of which these are keys and values."""
        if number not in self.layers:
            stores = [
                like.new_zeros(self.count, like.shape[1], self.size, like.shape[3]) for like in (keys_BHTK, values_BHTK)
            ]
            self.layers[number] = Layer(*stores)
        return self.layers[number]

    def take(self, after: int | None, *, is_crowded: bool) -> int | None:
        """A block that nobody holds, behind another one where that is possible; None where all are held."""
        if after is not None and after + 1 < self.count and self._free[after + 1]:
            block = after + 1
        elif is_crowded:
            block = self._free.find(1)
        else:
            block = self._roomiest()
        if block < 0:
            return None
        self._free[block] = 0
        self._num_holders[block] = 1
        return block

    def hold(self, blocks: Sequence[int]) -> None:
        """One more holds these."""
        for block in blocks:
            self._num_holders[block] += 1

    def release(self, blocks: Sequence[int]) -> None:
        """One less holds these."""
        for block in blocks:
            self._num_holders[block] -= 1
            if not self._num_holders[block]:
                self._free[block] = 1

    def own(self, table: Table, place: int, block: int) -> None:
        """Let a table have a copy in `block` of what it held at a place beside others."""
        old = table.ids[place]
        for layer in self.layers.values():
            layer.keys[block] = layer.keys[old]
            layer.values[block] = layer.values[old]
        self.release([old])
        table.ids[place] = block

    def is_shared(self, block: int) -> bool:
        return self._num_holders[block] > 1

    def grow(self, most: int) -> None:
        """Make more blocks, at most so many in all, and one more at least."""
        count = max(self.count + 1, min(most, max(_LEAST, self.count + self.count // 2)))
        for number, layer in self.layers.items():
            self.layers[number] = Layer(_grown(layer.keys, count), _grown(layer.values, count))
        more = count - self.count
        self._num_holders += [0] * more
        self._free += b"\x01" * more

    def wipe(self, blocks: Sequence[int]) -> None:
        """Forget what is in these, which may be no numbers: nothing times none is none."""
        for layer in self.layers.values():
            for block in blocks:
                layer.keys[block] = 0
                layer.values[block] = 0

    def _roomiest(self) -> int:
        """Where there are most free blocks side by side: in their middle, so that who stands before them can grow."""
        runs = [found.span() for found in re.finditer(rb"\x01+", self._free)]
        if not runs:
            return -1
        start, end = max(runs, key=lambda run: run[1] - run[0])
        return start + (end - start) // 2 if start else 0


def _grown(store_MHBK: Tensor, count: int) -> Tensor:
    # Zeros: what nobody has written is masked, and nothing times NaN is not nothing.
    grown = store_MHBK.new_zeros(count, *store_MHBK.shape[1:])
    grown[: len(store_MHBK)] = store_MHBK
    return grown
