"""Which layers of a config are alike: kinds by their attention and their MLP, told from the config alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

# Where configs say how many experts a layer has.
EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts")


def kinds(config: Mapping[str, Any], num_layers: int) -> list[str]:
    """The kind of each layer, such as `full_attention dense`: layers of one kind have the same shapes."""
    found = attention_kinds(config, num_layers)
    return [f"{kind} {_mlp(config, layer)}" for layer, kind in enumerate(found)]


def attention_kinds(config: Mapping[str, Any], num_layers: int) -> list[str]:
    """What each layer has in the place of attention, in transformers' words."""
    return [_attention(config, layer, num_layers) for layer in range(num_layers)]


def counted(config: Mapping[str, Any], num_layers: int) -> dict[str, int]:
    """How many layers are of each kind."""
    return dict(Counter(kinds(config, num_layers)))


def experts(config: Mapping[str, Any]) -> int:
    """Experts of a layer that has some; 0 where none has."""
    return next((config[name] for name in EXPERTS if isinstance(config.get(name), int)), 0)


def _attention(config: Mapping[str, Any], layer: int, num_layers: int) -> str:
    listed = config.get("layer_types") or config.get("layers_block_type")
    if isinstance(listed, list) and len(listed) >= num_layers:
        return str(listed[layer])
    every = config.get("sliding_window_pattern")
    if isinstance(every, int) and every > 1:
        return "full_attention" if (layer + 1) % every == 0 else "sliding_attention"
    return "full_attention"


def _mlp(config: Mapping[str, Any], layer: int) -> str:
    listed = config.get("mlp_layer_types")
    if isinstance(listed, list) and layer < len(listed):
        return str(listed[layer])
    step = config.get("decoder_sparse_step") or 1
    is_sparse = (
        experts(config) > 0
        and layer >= (config.get("first_k_dense_replace") or 0)
        and layer not in (config.get("mlp_only_layers") or ())
        and (layer + 1) % step == 0
    )
    return "sparse" if is_sparse else "dense"
