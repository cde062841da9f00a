"""Sequences of any lengths in one forward: each goes on where it stands, in a row of one KV cache.

The rows are filled from the left, so a sequence may come or go at any step while the others stay as they are.
"""

# R rows  N parts of one token  T tokens of the forward  S places of a row  H heads  K head dim  P told tokens  V vocab

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from whet.kernels.attention import band_mask, dense_attention
from whet.kernels.attention_spec import Form
from whet.models.forward.attention import packed_row
from whet.models.forward.backbone import unwrapped

# A cache that is full grows by a quarter, and by so many places at least.
_SHARE, _LEAST = 4, 64


class Part(NamedTuple):
    """Tokens that a sequence goes on with: its row, how many it has before them, of how many of these, from the last
    one back, the logits of the next token are wanted, and the adapter that they are read with."""

    row: int
    start: int
    ids: Sequence[int]
    told: int = 1
    adapter: str | None = None

    @property
    def end(self) -> int:
        return self.start + len(self.ids)


# Told before a forward: places of its tokens by the name of an adapter.
Deal = Callable[[Mapping[str, Tensor]], None]


def _of_none(places: Mapping[str, Tensor]) -> None:
    assert not places, places


class Sequences(Protocol):
    """Sequences in the making by row, for whoever decides which go on."""

    @property
    def is_shared(self) -> bool:
        """Whether parts run in one forward, a long one may come in pieces, and rows may be copied."""
        ...

    def run(self, parts: Sequence[Part]) -> list[Tensor]:
        """Logits (told, V) float32 of each part. A part that starts at 0 begins its row anew."""
        ...

    def copy(self, source: int, target: int, num_tokens: int) -> None:
        """Let a row begin as another one does. Where that is not shared, the other one is gone."""
        ...

    def swap(self, one: int, other: int) -> None:
        """Let two rows change places."""
        ...

    def drop(self, row: int) -> None:
        """Forget a row that nobody goes on with."""
        ...

    def clear(self) -> None:
        """Forget all rows, and give their memory back."""
        ...

    def fit(self, rows: int, places: int) -> tuple[int, int]:
        """Make room for so many rows and tokens of each: how many there is room for now. Rows and tokens beyond it are
        gone."""
        ...


class Together:
    """Sequences of a causal model that sees its attention as ours (contract: `Sequences`).

    Rows are as long as the longest one: short ones beside it leave room unused.
    """

    is_shared = True

    def __init__(self, module: nn.Module, first: int = 0, most_tokens: int = 1 << 30, deal: Deal = _of_none) -> None:
        """`first` is the number of a sequence's first position; `most_tokens` are rows times places, at most, as long
        as no more are asked for. `deal` is told before each forward which of its tokens are an adapter's."""
        self._module, self._first, self._most, self._deal = module, first, most_tokens, deal
        self._takes = inspect.signature(unwrapped(module).forward).parameters
        self._device = next(module.parameters()).device
        self._layers: dict[int, _Layer] = {}
        self._rows, self._places = 0, 0

    @property
    def num_bytes(self) -> int:
        """Bytes of the cache."""
        return sum(layer.keys.nbytes + layer.values.nbytes for layer in self._layers.values())

    def run(self, parts: Sequence[Part]) -> list[Tensor]:
        order = sorted(range(len(parts)), key=lambda i: (len(parts[i].ids) > 1, parts[i].row))
        logits_PV = self._run([parts[i] for i in order])
        told = logits_PV.split([parts[i].told for i in order])
        found = dict(zip(order, told, strict=True))
        return [found[i] for i in range(len(parts))]

    def copy(self, source: int, target: int, num_tokens: int) -> None:
        for layer in self._layers.values():
            layer.keys[target, :, :num_tokens] = layer.keys[source, :, :num_tokens]
            layer.values[target, :, :num_tokens] = layer.values[source, :, :num_tokens]

    def swap(self, one: int, other: int) -> None:
        for layer in self._layers.values():
            for store in (layer.keys, layer.values):
                store[[one, other]] = store[[other, one]]

    def drop(self, row: int) -> None:
        """Nothing is done: its room is for the next one."""

    def clear(self) -> None:
        self._layers, self._rows, self._places = {}, 0, 0

    @torch.no_grad()
    def _run(self, parts: Sequence[Part]) -> Tensor:
        step = _Step(self, parts, self._device)
        inputs: dict[str, Any] = {"input_ids": step.ids_T[None], "use_cache": False}
        inputs |= {"segments": step, "around": (step.attend,)}
        if "position_ids" in self._takes:
            inputs["position_ids"] = step.places_T[None] + self._first
        told_P = step.told_P
        keeps = "logits_to_keep" in self._takes
        if keeps:
            inputs["logits_to_keep"] = told_P if len(told_P) else 1
        self._deal(_dealt(parts, self._device))
        with packed_row():
            logits_TV = self._module(**inputs).logits[0]
        if not len(told_P):
            return logits_TV[:0].float()
        return (logits_TV if keeps else logits_TV[told_P]).float()

    def layer(self, number: int, keys_BHTK: Tensor, values_BHTK: Tensor) -> _Layer:
        """The cache of a layer, of which these are keys and values."""
        if number not in self._layers:
            stores = [
                like.new_zeros(self._rows, like.shape[1], self._places, like.shape[3])
                for like in (keys_BHTK, values_BHTK)
            ]
            self._layers[number] = _Layer(*stores)
        return self._layers[number]

    def fit(self, rows: int, places: int) -> tuple[int, int]:
        own_rows, own_places = self._rows, self._places
        if rows > own_rows:
            own_rows = max(rows, 2 * own_rows)
        if places > own_places:
            own_places = places + max(_LEAST, places // _SHARE)
        if own_rows * own_places > self._most:
            own_rows, own_places = rows, max(places, min(own_places, self._most // rows))
        if (own_rows, own_places) != (self._rows, self._places):
            layers, self._layers, self._rows, self._places = self._layers, {}, 0, 0
            for layer in layers.values():  # where memory runs out in between nothing is kept, and all layers agree
                layer.keys = _resized(layer.keys, own_rows, own_places)
                layer.values = _resized(layer.values, own_rows, own_places)
            self._layers, self._rows, self._places = layers, own_rows, own_places
        return own_rows, own_places


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

    def __init__(self, cache: Together, parts: Sequence[Part], device: torch.device) -> None:
        self._cache = cache
        singles = [part for part in parts if len(part.ids) == 1]
        self._longer = parts[len(singles) :]
        self.ids_T = torch.tensor([token for part in parts for token in part.ids], device=device)
        places = [place for part in parts for place in range(part.start, part.end)]
        self.places_T = torch.tensor(places, device=device)
        self._rows_T = torch.tensor([part.row for part in parts for _ in part.ids], device=device)
        self.told_P = torch.tensor(_told(parts), dtype=torch.long, device=device)
        self._num_single = len(singles)
        self._rows = _rows_of([part.row for part in singles], device)
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
        for part in self._longer:
            outputs.append(self._one(query[:, :, at : at + len(part.ids)], layer, part, form))
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

    def _one(self, query_BHTK: Tensor, layer: _Layer, part: Part, form: Form) -> Tensor:
        """Several tokens of one sequence over its row."""
        first = 0 if form.window is None else max(0, part.start + 1 - form.window)
        count, keys = len(part.ids), part.end - first
        is_whole = part.start == 0 and (form.window is None or part.end <= form.window)
        mask = None if is_whole else self._band(count, keys, form.window, query_BHTK.device)
        at = (slice(part.row, part.row + 1), slice(None), slice(first, part.end))
        return dense_attention(query_BHTK, layer.keys[at], layer.values[at], mask, is_whole, form).transpose(1, 2)

    def _band(self, queries: int, keys: int, window: int | None, device: torch.device) -> Tensor | None:
        name = (queries, keys, window)
        if name not in self._masks:
            self._masks[name] = 0, band_mask(queries, keys, window, True, device)
        return self._masks[name][1]


def _dealt(parts: Sequence[Part], device: torch.device) -> dict[str, Tensor]:
    """Places in the forward of the tokens of each adapter."""
    places: dict[str, list[int]] = {}
    end = 0
    for part in parts:
        if part.adapter is not None:
            places.setdefault(part.adapter, []).extend(range(end, end + len(part.ids)))
        end += len(part.ids)
    return {name: torch.tensor(found, device=device) for name, found in places.items()}


def _told(parts: Sequence[Part]) -> list[int]:
    """Places in the forward of the tokens after which the next one is asked for."""
    told: list[int] = []
    end = 0
    for part in parts:
        end += len(part.ids)
        told += range(end - part.told, end)
    return told


def _rows_of(rows: Sequence[int], device: torch.device) -> slice | Tensor:
    """Rows to index with: a view where they stand side by side."""
    if rows and rows[-1] - rows[0] == len(rows) - 1:
        return slice(rows[0], rows[-1] + 1)
    return torch.tensor(rows, dtype=torch.long, device=device)
