"""A KV cache with room to grow: a token more is written behind the others instead of copying all of them."""

# B rows  H heads  T tokens  K head dim

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from whet.models.forward.language import unwrapped
from whet.models.text import text_config

# Room is made for a quarter more tokens, and for so many at least.
_SHARE, _LEAST = 4, 64


def growing(module: nn.Module) -> Any | None:
    """An empty cache for the module; None where its layers keep something else than all keys and values.

    transformers' own concatenates, which copies the whole cache at every token.
    """
    config = getattr(unwrapped(module), "config", None)
    if config is None or getattr(config, "is_encoder_decoder", False):
        return None
    cache = DynamicCache(config=config)
    if not cache.layers or not all(type(layer) is DynamicLayer for layer in cache.layers):
        return None
    cache.layers = [Growing() for _ in cache.layers]
    return cache


def lies_by_layers(module: nn.Module) -> bool:
    """Whether each layer of the module keeps keys and values of its own: layers may then lie on several ranks."""
    config: Any = getattr(module, "config", None)
    is_shared = getattr(text_config(config), "num_kv_shared_layers", None)
    layers = DynamicCache(config=config).layers
    return bool(layers) and not is_shared and {DynamicLayer, DynamicSlidingWindowLayer}.issuperset(map(type, layers))


def with_room(length: int) -> int:
    """Tokens that there is memory for, at most, where a row has so many."""
    return length + max(_LEAST, length // _SHARE)


class Growing(DynamicLayer):
    """Keys and values (B, H, T, K) are the beginning of tensors with more room."""

    def __init__(self) -> None:
        super().__init__()
        self._stores: dict[str, Tensor] = {}

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
