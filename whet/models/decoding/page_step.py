"""One forward over sequences in blocks, as the attention of its layers sees it."""

# T tokens of the forward  N parts of one token  S keys  H heads  K head dim  B tokens of a block

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from whet.kernels.attention import band_mask, dense_attention
from whet.kernels.attention_spec import Form
from whet.models.decoding.block_attention import BlockPlan, block_attention
from whet.models.decoding.blocks import Blocks, Layer, Table
from whet.models.decoding.sequences import Part

# So few sequences with so few tokens in all are attended to one after the other.
_FEW, _SHORT = 4, 512

# The blocks of layers that see so far, and which of them each part has.
Reach = Callable[[int | None], tuple[Blocks, Sequence[Table]]]


class PageStep:
    """Parts of one token come first."""

    def __init__(self, parts: Sequence[Part], reach: Reach, device: torch.device) -> None:
        """`reach` is asked once for each window, before anything is written there."""
        self._parts, self._reach, self._device = parts, reach, device
        self._num_single = sum(len(part.ids) == 1 for part in parts)
        places = [place for part in parts for place in range(part.start, part.end)]
        self.places_T = torch.tensor(places, device=device)
        self._views: dict[int | None, _View] = {}
        self._bands: dict[Any, Tensor] = {}

    def attend(
        self, run: Callable[..., Tensor], module: Any, query: Tensor, key: Tensor, value: Tensor, plan: Any, form: Form
    ) -> Tensor:
        """Attention (1, T, H, K) of the new tokens over their own sequences, in place of that over packed segments."""
        if form.window not in self._views:
            self._views[form.window] = _View(self._parts, *self._reach(form.window), self._device)
        view = self._views[form.window]
        layer = view.blocks.layer(module.layer_idx, key, value)
        view.write(layer.keys, key)
        view.write(layer.values, value)
        outputs = []
        at = self._num_single
        if at:
            outputs.append(self._singles(query[0, :, :at].transpose(0, 1), layer, view, form))
        for number in range(at, len(self._parts)):
            count = len(self._parts[number].ids)
            outputs.append(self._one(query[:, :, at : at + count], layer, view, number, form))
            at += count
        return torch.cat(outputs, dim=1) if len(outputs) > 1 else outputs[0]

    def _singles(self, query_NHK: Tensor, layer: Layer, view: _View, form: Form) -> Tensor:
        """Each token over its own sequence."""
        count, heads, dim = query_NHK.shape
        is_wide = query_NHK.dtype in (torch.float32, torch.float64)  # its sums are in the dtype of the values
        if is_wide and form.bias is None and not view.is_short(count):
            return block_attention(query_NHK, layer, view.plan(count), form).reshape(1, count, heads, -1)
        if form.softcap is None and form.sinks is None and form.slopes is None and form.bias is None:
            # Queries that share a key head stand side by side: no head is repeated.
            queries = query_NHK.reshape(count, 1, layer.keys.shape[1], -1, dim).unbind()
            outputs = [
                F.scaled_dot_product_attention(query, *view.keys_and_values(layer, number), scale=form.scale)
                for number, query in enumerate(queries)
            ]
        else:
            outputs = [
                dense_attention(query, *view.keys_and_values(layer, number), None, False, form)
                for number, query in enumerate(query_NHK[:, None, :, None].unbind())
            ]
        return (torch.cat(outputs) if count > 1 else outputs[0]).reshape(1, count, heads, -1)

    def _one(self, query_BHTK: Tensor, layer: Layer, view: _View, number: int, form: Form) -> Tensor:
        """Several tokens of one sequence over it."""
        part, keys_and_values = self._parts[number], view.keys_and_values(layer, number)
        count, num_keys = query_BHTK.shape[2], keys_and_values[0].shape[2]
        is_whole = part.start == 0 and (form.window is None or part.end <= form.window)
        mask = None if is_whole else self._band(count, num_keys, form.window)
        return dense_attention(query_BHTK, *keys_and_values, mask, is_whole, form).transpose(1, 2)

    def _band(self, queries: int, keys: int, window: int | None) -> Tensor:
        name = (queries, keys, window)
        if name not in self._bands:
            self._bands[name] = band_mask(queries, keys, window, True, self._device)
        return self._bands[name]


class _View:
    """Where the tokens of a forward lie, in the blocks of the layers of one window."""

    def __init__(self, parts: Sequence[Part], blocks: Blocks, tables: Sequence[Table], device: torch.device) -> None:
        self.blocks, self._parts, self._tables, self._device = blocks, parts, tables, device
        size, self._window = blocks.size, blocks.window
        at = [
            table.ids[place // size - table.first] * size + place % size
            for part, table in zip(parts, tables, strict=True)
            for place in range(part.start, part.end)
        ]
        self._at_T = torch.tensor(at, device=device)
        self._rows: tuple[int, Tensor] | None = None
        self._plan: BlockPlan | None = None
        self._spans = [self._span(part, table) for part, table in zip(parts, tables, strict=True)]

    def write(self, store_MHBK: Tensor, states_1HTK: Tensor) -> None:
        """Put the keys or values of the forward's tokens where they belong."""
        _, heads, size, dim = store_MHBK.shape
        if self._rows is None or self._rows[0] != heads:
            block_T, place_T = self._at_T // size, self._at_T % size
            head_H = torch.arange(heads, device=self._device)
            self._rows = heads, ((block_T[:, None] * heads + head_H) * size + place_T[:, None]).flatten()
        store_MHBK.view(-1, dim).index_copy_(0, self._rows[1], states_1HTK[0].transpose(0, 1).reshape(-1, dim))

    def is_short(self, count: int) -> bool:
        """Whether the first parts see so little that copying it takes less time than a plan of blocks."""
        return count <= _FEW and sum(part.end for part in self._parts[:count]) <= _SHORT

    def plan(self, count: int) -> BlockPlan:
        """The blocks of the first parts, which have one token each."""
        if self._plan is None:
            ends = [part.end for part in self._parts[:count]]
            self._plan = BlockPlan(self._tables[:count], ends, self._window, self.blocks.size, self._device)
        return self._plan

    def keys_and_values(self, layer: Layer, number: int) -> tuple[Tensor, Tensor]:
        """A copy of all that a part sees (1, H, S, K)."""
        first, count, ids = self._spans[number]
        keys, values = (store[ids].transpose(0, 1).flatten(1, 2) for store in (layer.keys, layer.values))
        return keys[None, :, first : first + count], values[None, :, first : first + count]

    def _span(self, part: Part, table: Table) -> tuple[int, int, slice | Tensor]:
        """The first of the tokens that a part sees, in its blocks from there on, how many, and these blocks."""
        first = 0 if self._window is None else max(0, part.start + 1 - self._window)
        size = self.blocks.size
        ids = table.ids[first // size - table.first :]
        if ids[-1] - ids[0] == len(ids) - 1 and all(b - a == 1 for a, b in zip(ids, ids[1:], strict=False)):
            return first % size, part.end - first, slice(ids[0], ids[-1] + 1)
        return first % size, part.end - first, torch.tensor(ids, device=self._device)
