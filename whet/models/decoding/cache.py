"""A KV cache with room to grow: a token more is written behind the others instead of copying all of them.

Rows can be taken out of it, and go on in another one.
"""

# B rows  H heads  T tokens  K head dim

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from whet.models.forward.language import unwrapped
from whet.models.text import text_config

# Room is made for a quarter more tokens, and for so many at least.
_SHARE, _LEAST = 4, 64


def growing(module: nn.Module, *, with_windows: bool = False) -> Any | None:
    """An empty cache for the module; None where its layers keep something else than all keys and values.

    transformers' own concatenates, which copies the whole cache at every token. Layers that see a window keep no more
    than that, and None is given; `with_windows` they keep all, of which the mask then shows them the window.
    """
    config = getattr(unwrapped(module), "config", None)
    if config is None or getattr(config, "is_encoder_decoder", False):
        return None
    cache = DynamicCache(config=config)
    is_chunked = getattr(text_config(config), "attention_chunk_size", None)  # the same class of layer, not tried
    takes = {DynamicLayer, DynamicSlidingWindowLayer} if with_windows and not is_chunked else {DynamicLayer}
    if not cache.layers or not all(type(layer) in takes for layer in cache.layers):
        return None
    cache.layers = [Growing() for _ in cache.layers]
    return cache


def lies_by_layers(module: nn.Module) -> bool:
    """Whether each layer of the module keeps keys and values of its own: layers may then lie on several ranks."""
    config: Any = getattr(module, "config", None)
    is_shared = getattr(text_config(config), "num_kv_shared_layers", None)
    layers = DynamicCache(config=config).layers
    return bool(layers) and not is_shared and {DynamicLayer, DynamicSlidingWindowLayer}.issuperset(map(type, layers))


@dataclass(frozen=True, slots=True)
class Held:
    """Keys and values (H, T, K) of one row by the numbers of layers: of those that are kept here."""

    layers: Mapping[int, tuple[Tensor, Tensor]]

    @property
    def num_tokens(self) -> int:
        return next(iter(self.layers.values()))[0].shape[1]


def can_hold(cache: Any) -> bool:
    """Whether rows of this cache can go on in another one: every layer keeps all keys and values."""
    layers = getattr(cache, "layers", ())
    return bool(layers) and all(type(layer) is Growing for layer in layers)


def length_of(cache: Any) -> int:
    """How many tokens the layers have seen that are kept here."""
    return max((layer.get_seq_length() for layer in cache.layers), default=0)


def held(cache: Any, row: int, start: int, end: int) -> Held:
    """A copy of what the cache holds of a row from `start` to `end`."""
    at = (row, slice(None), slice(start, end))
    kept = ((number, layer) for number, layer in enumerate(cache.layers) if layer.is_initialized)
    return Held({number: (layer.keys[at].clone(), layer.values[at].clone()) for number, layer in kept})


def begin(cache: Any, rows: Sequence[Held | None], kept: Sequence[int], length: int) -> None:
    """Fill an empty cache with the first `kept` tokens of each row, padded on the left to `length`."""
    example = next(row for row in rows if row is not None)
    for number, pair in example.layers.items():
        stores = [
            _side_by_side([None if row is None else row.layers[number][part] for row in rows], kept, length, like)
            for part, like in enumerate(pair)
        ]
        cache.layers[number].begin(length, *stores)


def _side_by_side(rows: Sequence[Tensor | None], kept: Sequence[int], length: int, like_HTK: Tensor) -> Tensor:
    """Rows (B, H, T, K) with room behind them. Padding is zero: it is masked, and nothing times none is none."""
    heads, _, dim = like_HTK.shape
    store = like_HTK.new_zeros(len(rows), heads, with_room(length), dim)
    for place, (row, count) in enumerate(zip(rows, kept, strict=True)):
        if row is not None and count:
            store[place, :, length - count : length] = row[:, :count]
    return store


def with_room(length: int) -> int:
    """Tokens that there is memory for, at most, where a row has so many."""
    return length + max(_LEAST, length // _SHARE)


class Growing(DynamicLayer):
    """Keys and values (B, H, T, K) are the beginning of tensors with more room."""

    def __init__(self) -> None:
        super().__init__()
        self._stores: dict[str, Tensor] = {}

    def begin(self, length: int, keys: Tensor, values: Tensor) -> None:
        """Hold the first `length` tokens of these stores; the rest is room."""
        self._stores = {"keys": keys, "values": values}
        self.dtype, self.device, self.is_initialized = keys.dtype, keys.device, True
        self.keys, self.values = keys[:, :, :length], values[:, :, :length]

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        held_keys: Any = getattr(self, "keys", None)
        held_values: Any = getattr(self, "values", None)
        if held_keys is None:
            self.dtype, self.device, self.is_initialized = key_states.dtype, key_states.device, True
            self.keys, self.values = key_states, value_states
        else:
            self.keys = self._behind("keys", held_keys, key_states)
            self.values = self._behind("values", held_values, value_states)
        return self.keys, self.values

    def _behind(self, name: str, held_BHTK: Tensor, fresh_BHTK: Tensor) -> Tensor:
        length, more = held_BHTK.shape[2], fresh_BHTK.shape[2]
        store = self._stores.get(name)
        # Rows that were repeated or chosen lie in a new tensor, with no room behind it.
        is_moved = store is None or store.data_ptr() != held_BHTK.data_ptr() or len(store) != len(held_BHTK)
        if store is None or is_moved or store.shape[2] < length + more:
            shape = list(held_BHTK.shape)
            shape[2] = with_room(length) + more
            store = torch.empty(shape, dtype=held_BHTK.dtype, device=held_BHTK.device)
            store[:, :, :length] = held_BHTK
            self._stores[name] = store
        store[:, :, length : length + more] = fresh_BHTK
        return store[:, :, : length + more]
