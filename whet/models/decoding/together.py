"""Sequences of any lengths in one forward: each goes on where it stands, in a row of one KV cache.

The rows are filled from the left, so a sequence may come or go at any step while the others stay as they are.
"""

# R rows  N parts of one token  T tokens of the forward  S places of a row  H heads  K head dim

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from whet.kernels.attention import band_mask, dense_attention
from whet.kernels.attention_spec import Form
from whet.models.decoding.packed import Deal, Packed, dealt_out, in_order, of_none
from whet.models.decoding.sequences import LEAST_SHARED, Beginning, Part, alike

# A cache that is full grows by a quarter, and by so many places at least.
_SHARE, _LEAST = 4, 64
_NONE = (-1, 0)


class Together:
    """Sequences of a causal model that sees its attention as ours (contract: `Sequences`).

    Rows are as long as the longest one: short ones beside it leave room unused. The first rows are those of sequences
    that go on; rows behind them keep what ended there, for sequences that begin alike.
    """

    is_shared = True

    def __init__(
        self, module: nn.Module, first: int = 0, most_tokens: int = 1 << 30, deal: Deal = of_none, threads: int = 0
    ) -> None:
        """`most_tokens` are rows times places, at most, as long as no more are asked for. Others: see `Packed`."""
        self._packed, self._most = Packed(module, first, deal, threads), most_tokens
        self._layers: dict[int, _Layer] = {}
        self._num_rows, self._places = 0, 0
        self._keys: list[int] = []  # by row
        self._texts: dict[int, tuple[str | None, list[int]]] = {}  # by row, those that ended too

    @property
    def num_bytes(self) -> int:
        """Bytes of the cache."""
        return sum(layer.keys.nbytes + layer.values.nbytes for layer in self._layers.values())

    def begin(self, key: int, beginning: Beginning) -> int:
        if key not in self._keys:
            self._keys.append(key)
            self._texts.setdefault(len(self._keys) - 1, (None, []))
        at = self._keys.index(key)
        self._fit(len(self._keys), len(beginning.ids))
        row, known = self._best(beginning)
        if row >= len(self._keys):
            self._swap(row, at)
        elif row >= 0 and row != at:
            for layer in self._layers.values():
                for store in (layer.keys, layer.values):
                    store[at, :, :known] = store[row, :, :known]
        self._texts[at] = (beginning.adapter, list(beginning.ids[:known]))
        return known

    def run(self, parts: Sequence[Part]) -> list[Tensor]:
        rows = {key: row for row, key in enumerate(self._keys)}
        self._fit(len(rows), max(max(len(self._texts[row][1]) for row in rows.values()), max(p.end for p in parts)))
        order = in_order(parts, lambda part: rows[part.key])
        ordered = [parts[i] for i in order]
        step = _Step(self, ordered, [rows[part.key] for part in ordered], self._packed.device)
        logits_PV = self._packed.logits(ordered, step.places_T, step, step.attend)
        for part in parts:
            self._texts[rows[part.key]][1][part.start :] = part.ids
        return dealt_out(logits_PV, parts, order)

    def leave(self, key: int, num_tokens: int) -> None:
        row, last = self._keys.index(key), len(self._keys) - 1
        del self._texts[row][1][num_tokens:]
        if row != last:
            self._swap(row, last)
            self._keys[row] = self._keys[last]
        self._keys.pop()

    def fits(self, lengths: Mapping[int, int], more: Beginning | None = None) -> bool:
        all_lengths = [*lengths.values(), *([] if more is None else [len(more.ids) + 1])]
        return len(all_lengths) * max(all_lengths) <= self._most

    def spare(self, lengths: Mapping[int, int]) -> int:
        return self._most // len(lengths) - max(lengths.values())

    def clear(self) -> None:
        self._layers, self._num_rows, self._places = {}, 0, 0
        self._keys.clear()
        self._texts.clear()

    def layer(self, number: int, keys_BHTK: Tensor, values_BHTK: Tensor) -> _Layer:
        """The cache of a layer, of which these are keys and values."""
        if number not in self._layers:
            stores = [
                like.new_zeros(self._num_rows, like.shape[1], self._places, like.shape[3])
                for like in (keys_BHTK, values_BHTK)
            ]
            self._layers[number] = _Layer(*stores)
        return self._layers[number]

    def _swap(self, one: int, other: int) -> None:
        for layer in self._layers.values():
            for store in (layer.keys, layer.values):
                store[[one, other]] = store[[other, one]]
        texts = {row: self._texts.pop(row) for row in (one, other) if row in self._texts}
        self._texts |= {one + other - row: text for row, text in texts.items()}

    def _best(self, beginning: Beginning) -> tuple[int, int]:
        """The row that begins most alike, and how many tokens it shares; at least one is left to be read."""
        if not beginning.takes_over:
            return _NONE
        ids, most = list(beginning.ids), len(beginning.ids) - 1
        of_them = [(row, text) for row, (adapter, text) in self._texts.items() if adapter == beginning.adapter]
        found = max(((row, alike(text, ids, most)) for row, text in of_them), key=lambda pair: pair[1], default=_NONE)
        return found if found[1] >= LEAST_SHARED else _NONE

    def _fit(self, rows: int, places: int) -> None:
        """Make room for so many rows and tokens of each. Kept rows and tokens beyond it are gone."""
        own_rows, own_places = self._num_rows, self._places
        if rows > own_rows:
            own_rows = max(rows, 2 * own_rows)
        if places > own_places:
            own_places = places + max(_LEAST, places // _SHARE)
        if own_rows * own_places > self._most:
            own_rows, own_places = rows, max(places, min(own_places, self._most // rows))
        if (own_rows, own_places) != (self._num_rows, self._places):
            layers, self._layers, self._num_rows, self._places = self._layers, {}, 0, 0
            for layer in layers.values():  # where memory runs out in between nothing is kept, and all layers agree
                layer.keys = _resized(layer.keys, own_rows, own_places)
                layer.values = _resized(layer.values, own_rows, own_places)
            self._layers, self._num_rows, self._places = layers, own_rows, own_places
        self._texts = {row: text for row, text in self._texts.items() if row < own_rows}
        for _, text in self._texts.values():
            del text[own_places:]


@dataclass(slots=True)
class _Layer:
    """Keys and values (R, H, S, K) of one layer."""

    keys: Tensor
    values: Tensor


def _resized(store_RHSK: Tensor, rows: int, places: int) -> Tensor:
    # Zeros: what nobody has written is masked, and nothing times NaN is not nothing.
    resized = store_RHSK.new_zeros(rows, store_RHSK.shape[1], places, store_RHSK.shape[3])
    kept = store_RHSK[:rows, :, :places]
    resized[: kept.shape[0], :, : kept.shape[2]] = kept
    return resized


class _Step:
    """One forward, as the attention of its layers sees it. Parts of one token come first, by row."""

    def __init__(self, cache: Together, parts: Sequence[Part], rows: Sequence[int], device: torch.device) -> None:
        self._cache = cache
        singles = [part for part in parts if len(part.ids) == 1]
        self._longer = list(zip(parts, rows, strict=True))[len(singles) :]
        places = [place for part in parts for place in range(part.start, part.end)]
        self.places_T = torch.tensor(places, device=device)
        self._rows_T = torch.tensor(
            [row for part, row in zip(parts, rows, strict=True) for _ in part.ids], device=device
        )
        self._num_single = len(singles)
        self._rows = _rows_of(rows[: len(singles)], device)
        self._shortest = min((part.end for part in singles), default=0)
        self._longest = max((part.end for part in singles), default=0)
        self._masks: dict[Any, tuple[int, Tensor | None]] = {}

    def attend(
        self, run: Callable[..., Tensor], module: Any, query: Tensor, key: Tensor, value: Tensor, plan: Any, form: Form
    ) -> Tensor:
        """Attention (1, T, H, K) of the new tokens over their own rows, in place of that over packed segments."""
        layer = self._cache.layer(module.layer_idx, key, value)
        layer.keys[self._rows_T, :, self.places_T] = key[0].transpose(0, 1)
        layer.values[self._rows_T, :, self.places_T] = value[0].transpose(0, 1)
        outputs = []
        at = self._num_single
        if at:
            outputs.append(self._singles(query[0, :, :at].transpose(0, 1), layer, form))
        for part, row in self._longer:
            outputs.append(self._one(query[:, :, at : at + len(part.ids)], layer, part, row, form))
            at += len(part.ids)
        return torch.cat(outputs, dim=1) if len(outputs) > 1 else outputs[0]

    def _singles(self, query_NHK: Tensor, layer: _Layer, form: Form) -> Tensor:
        """Each token over its row, all rows at once."""
        first, mask = self._seen(form.window)
        keys = layer.keys[self._rows][:, :, first : self._longest]
        values = layer.values[self._rows][:, :, first : self._longest]
        if form.softcap is None and form.sinks is None and form.slopes is None and form.bias is None:
            # Queries that share a key head stand side by side: no head is repeated.
            count, heads, dim = query_NHK.shape
            grouped = query_NHK.reshape(count, keys.shape[1], heads // keys.shape[1], dim)
            output = F.scaled_dot_product_attention(grouped, keys, values, attn_mask=mask, scale=form.scale)
            return output.reshape(1, count, heads, -1)
        output = dense_attention(query_NHK[:, :, None], keys, values, mask, False, form)
        return output[:, :, 0][None]

    def _seen(self, window: int | None) -> tuple[int, Tensor | None]:
        """The first place that any of the single tokens sees, and which it sees from there on (N, 1, 1, S)."""
        if window not in self._masks:
            first = 0 if window is None else max(0, self._shortest - window)
            mask = None
            if self._shortest < self._longest or (window is not None and self._longest - first > window):
                own_N1 = self.places_T[: self._num_single, None]
                places_S = torch.arange(first, self._longest, device=own_N1.device)
                mask = places_S <= own_N1
                if window is not None:
                    mask &= own_N1 - places_S < window
                mask = mask[:, None, None]
            self._masks[window] = first, mask
        return self._masks[window]

    def _one(self, query_BHTK: Tensor, layer: _Layer, part: Part, row: int, form: Form) -> Tensor:
        """Several tokens of one sequence over its row."""
        first = 0 if form.window is None else max(0, part.start + 1 - form.window)
        count, keys = len(part.ids), part.end - first
        is_whole = part.start == 0 and (form.window is None or part.end <= form.window)
        mask = None if is_whole else self._band(count, keys, form.window, query_BHTK.device)
        at = (slice(row, row + 1), slice(None), slice(first, part.end))
        return dense_attention(query_BHTK, layer.keys[at], layer.values[at], mask, is_whole, form).transpose(1, 2)

    def _band(self, queries: int, keys: int, window: int | None, device: torch.device) -> Tensor | None:
        name = (queries, keys, window)
        if name not in self._masks:
            self._masks[name] = 0, band_mask(queries, keys, window, True, device)
        return self._masks[name][1]


def _rows_of(rows: Sequence[int], device: torch.device) -> slice | Tensor:
    """Rows to index with: a view where they stand side by side."""
    if rows and rows[-1] - rows[0] == len(rows) - 1:
        return slice(rows[0], rows[-1] + 1)
    return torch.tensor(rows, dtype=torch.long, device=device)
