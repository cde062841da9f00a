"""Sequences of any lengths in one forward, whose keys and values lie in blocks: each holds those that it fills.

Who begins as another one does holds the same blocks, until it goes on in its own way. Layers that see a window hold no
blocks before it (paged attention: Kwon et al. 2023).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from torch import Tensor, nn

from whet.models.decoding.blocks import FEW, Blocks, Table
from whet.models.decoding.packed import Deal, Packed, dealt_out, in_order, of_none
from whet.models.decoding.page_step import PageStep
from whet.models.decoding.sequences import LEAST_SHARED, Beginning, Part, alike

# Tokens of a block. With 16 the products over blocks take longer: 1.1 to 1.3 times, 64 sequences of 150 tokens.
BLOCK = 32
# Of sequences that ended so many are kept at most: each is looked at when one begins.
KEPT = 256


@dataclass(slots=True)
class Held:
    """What is kept of one sequence: its tokens, and where their keys and values lie, by the window of the layers."""

    adapter: str | None
    text: list[int]
    tables: dict[int | None, Table] = field(default_factory=dict)


class Pages:
    """Sequences of a causal model that sees its attention as ours (contract: `Sequences`)."""

    is_shared = True

    def __init__(
        self, module: nn.Module, first: int = 0, most_tokens: int = 1 << 30, deal: Deal = of_none, block: int = BLOCK,
        kept: int = KEPT, threads: int = 0,
    ) -> None:  # fmt: skip
        """`most_tokens` are those of all blocks, at most, as long as one sequence alone needs no more; layers that see
        a window need fewer. Of sequences that ended `kept` are, at most. Others: see `Packed`."""
        self._packed, self._most, self._size = Packed(module, first, deal, threads), most_tokens, block
        self._most_kept = kept
        self._groups: dict[int | None, Blocks] = {}
        self._going: dict[int, Held] = {}
        self._kept: OrderedDict[int, Held] = OrderedDict()  # the one that was of use last at the end

    @property
    def num_bytes(self) -> int:
        """Bytes of the cache."""
        layers = [layer for blocks in self._groups.values() for layer in blocks.layers.values()]
        return sum(layer.keys.nbytes + layer.values.nbytes for layer in layers)

    def begin(self, key: int, beginning: Beginning) -> int:
        found, known = self._best(beginning)
        own = self._going[key] = Held(beginning.adapter, list(beginning.ids[:known]))
        if found is not None:
            source = self._going.get(found) or self._kept[found]
            for window, table in source.tables.items():
                ids = table.ids[: -(-known // self._size) - table.first]
                self._groups[window].hold(ids)
                own.tables[window] = Table(list(ids), table.first)
            if found in self._kept and len(source.text) == known:
                self._drop(found)  # it goes on from its end: nothing of it has to be copied
        return known

    def run(self, parts: Sequence[Part]) -> list[Tensor]:
        order = in_order(parts, lambda part: part.key)
        ordered = [parts[i] for i in order]
        step = PageStep(ordered, partial(self._reach, ordered), self._packed.device)
        logits_PV = self._packed.logits(ordered, step.places_T, step, step.attend)
        for part in parts:
            self._going[part.key].text[part.start :] = part.ids
        return dealt_out(logits_PV, parts, order)

    def leave(self, key: int, num_tokens: int) -> None:
        held = self._going.pop(key)
        del held.text[num_tokens:]
        for window, table in held.tables.items():
            if not num_tokens:  # it failed, perhaps because of what it holds
                self._groups[window].wipe([one for one in table.ids if not self._groups[window].is_shared(one)])
            self._cut(self._groups[window], table, num_tokens)
        if num_tokens:
            self._kept[key] = held
        while self._kept and (len(self._kept) > self._most_kept or self._is_full):
            self._drop(next(iter(self._kept)))

    @property
    def _is_full(self) -> bool:
        """Whether what is held is more than may be."""
        return self._cost([*self._going.values(), *self._kept.values()]) > 1

    def fits(self, lengths: Mapping[int, int], more: Beginning | None = None) -> bool:
        wanted = {key: (self._going[key], length) for key, length in lengths.items()}
        every = [*wanted.values(), *([] if more is None else [(Held(more.adapter, []), len(more.ids) + 1)])]
        if sum(self._num_blocks(length) for _, length in every) * self._size <= self._most:
            return True  # even if nothing is shared, and no window is left behind
        if more is not None:
            found, known = self._best(more)
            if found is not None:
                source = self._going.get(found) or self._kept[found]
                every[-1] = (self._whole_blocks(source, known), len(more.ids) + 1)
        return self._cost([held for held, _ in every], [length for _, length in every]) <= 1

    def spare(self, lengths: Mapping[int, int]) -> int:
        used = sum(self._num_blocks(length) for length in lengths.values())
        left = self._most // self._size - used
        return left // len(lengths) * self._size

    def clear(self) -> None:
        self._groups.clear()
        self._going.clear()
        self._kept.clear()

    def _reach(self, parts: Sequence[Part], window: int | None) -> tuple[Blocks, list[Table]]:
        """The blocks of layers that see as far, and those of each part's sequence."""
        blocks = self._groups.setdefault(window, Blocks(window, self._size))
        return blocks, [self._room(blocks, self._going[part.key], part.start, part.end) for part in parts]

    def _room(self, blocks: Blocks, held: Held, start: int, end: int) -> Table:
        """The blocks of a sequence, with room for its tokens from `start` to `end` that nobody else reads. What it held
        from `start` on is given up, and what is before the window of its `start`-th token."""
        window, table = blocks.window, held.tables.setdefault(blocks.window, Table())
        self._cut(blocks, table, start)
        if window is not None:
            left = min(max(0, start - window + 1) // self._size - table.first, len(table.ids))
            if left > 0:
                blocks.release(table.ids[:left])
                del table.ids[:left]
                table.first += left
        place = start // self._size - table.first
        if start % self._size and blocks.is_shared(table.ids[place]):
            blocks.own(table, place, self._taken(blocks, table.ids[place - 1] if place else None))
        while table.end * self._size < end:
            table.ids.append(self._taken(blocks, table.ids[-1] if table.ids else None))
        return table

    def _cut(self, blocks: Blocks, table: Table, num_tokens: int) -> None:
        """Give up the blocks behind so many tokens."""
        kept = max(0, self._num_blocks(num_tokens) - table.first)
        blocks.release(table.ids[kept:])
        del table.ids[kept:]

    def _taken(self, blocks: Blocks, after: int | None) -> int:
        """A block more. What is kept of those that ended makes room before there are more blocks in all, where it is
        more than what goes on, or where there may not be more."""
        is_crowded = len(self._going) > FEW
        while (block := blocks.take(after, is_crowded=is_crowded)) is None:
            most = self._num_blocks(self._most)
            going = sum(
                len(one.tables[blocks.window].ids) for one in self._going.values() if blocks.window in one.tables
            )
            if self._kept and (blocks.count >= most or 2 * going < blocks.count):
                self._drop(next(iter(self._kept)))
            else:
                blocks.grow(most)
        return block

    def _drop(self, key: int) -> None:
        """Forget one that ended."""
        for window, table in self._kept.pop(key).tables.items():
            self._groups[window].release(table.ids)

    def _best(self, beginning: Beginning) -> tuple[int | None, int]:
        """Who begins most alike, and how many tokens of it can be taken over; at least one is left to be read."""
        best, known = None, LEAST_SHARED - 1
        if beginning.takes_over:
            ids, most = list(beginning.ids), len(beginning.ids) - 1
            for key, held in [*self._going.items(), *self._kept.items()]:
                if held.adapter == beginning.adapter:
                    count = alike(held.text, ids, most)
                    if count > known and self._has(held, count):
                        best, known = key, count
        if best is not None and best in self._kept:
            self._kept.move_to_end(best)
        return (None, 0) if best is None else (best, known)

    def _has(self, held: Held, num_tokens: int) -> bool:
        """Whether all is there that a token behind so many sees."""
        for window, blocks in self._groups.items():
            table = held.tables.get(window)
            seen = 0 if window is None else max(0, num_tokens - window + 1)
            if table is None or table.first * blocks.size > seen or table.end * blocks.size < num_tokens:
                return False
        return bool(self._groups)

    def _whole_blocks(self, source: Held, known: int) -> Held:
        """What another one would hold of the source, beside it."""
        tables = {
            window: Table(table.ids[: max(0, known // self._size - table.first)], table.first)
            for window, table in source.tables.items()
        }
        return Held(source.adapter, [], tables)

    def _cost(self, all_of_them: Sequence[Held], lengths: Sequence[int] = ()) -> float:
        """The share of the cache that they hold, each block once; where lengths are given, with as many tokens."""
        groups = self._groups or {None: Blocks(None, self._size)}
        total = num_layers = 0
        for window, blocks in groups.items():
            held, more = set[int](), 0
            for number, one in enumerate(all_of_them):
                table = one.tables.get(window) or Table()
                held.update(table.ids)
                if lengths:
                    gone = 0 if window is None else max(0, lengths[number] - window) // self._size
                    more += max(0, self._num_blocks(lengths[number]) - max(table.end, gone))
            layers = max(1, len(blocks.layers))
            total, num_layers = total + (len(held) + more) * layers, num_layers + layers
        return total * self._size / (num_layers * self._most)

    def _num_blocks(self, num_tokens: int) -> int:
        """Blocks that so many tokens fill."""
        return -(-num_tokens // self._size)
