"""A model of a class with telling sizes, two layers of each kind, ready to be trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from whet.base.seeds import forked
from whet.contracts.model import Capabilities, Loaded
from whet.contracts.tuner import Tuner
from whet.models.forward import attention
from whet.models.forward.language import LanguageModel
from whet.models.forward.recompute_state import checkpoint_options
from whet.models.loading.context import BuildContext
from whet.models.loading.families import auto_class
from whet.models.loading.loaded import loaded
from whet.plan.layers import EXPERTS
from whet.plan.tracing.telling import ONE, TELLING

# What a class says of its layers, of which two of each kind are kept.
_LISTS = ("layer_types", "mlp_layer_types")


def standard(config: Any) -> dict[str, str]:
    """Our name of each size that the class has -> the name in its config.json."""
    found = {}
    for name in (*TELLING, *ONE, "num_hidden_layers", "tie_word_embeddings"):
        own = config.attribute_map.get(name, name)
        if name == "num_experts":
            own = next((one for one in (own, *EXPERTS) if one in config.to_dict()), own)
        if own in config.to_dict():
            found[name] = own
    return found


def defaults(model_type: str, changes: Mapping[str, Any] | None = None) -> dict[str, int]:
    """What the class takes where a config tells neither heads of keys nor their width, and they do not follow from the
    other sizes."""
    from transformers import AutoConfig

    heads, width = TELLING["num_attention_heads"][0], TELLING["hidden_size"][0]
    plain: Any = AutoConfig.for_model(model_type, **(changes or {}))
    names = standard(plain)
    if "kv_lora_rank" in names:  # which has no keys of its own
        return {}
    own = {names["num_attention_heads"]: heads, names["hidden_size"]: width}
    bare: Any = AutoConfig.for_model(model_type, **(changes or {}), **own)
    following = {"num_key_value_heads": heads, "head_dim": width // heads}
    found = {name: getattr(bare, name, None) for name in following if name in names}
    return {name: size for name, size in found.items() if size is not None and size != following[name]}


def telling_config(
    model_type: str, which: int, *, tied: bool, changes: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The config number 0 or 1 of a class of transformers, under the names that its config.json uses."""
    from transformers import AutoConfig

    plain: Any = AutoConfig.for_model(model_type, **(changes or {}), **_width_of_heads(model_type, changes))
    names, told = standard(plain), plain.to_dict()
    values: dict[str, Any] = {names[name]: pair[which] for name, pair in TELLING.items() if name in names}
    values |= {names[name]: one for name, one in ONE.items() if name in names}
    for name in ("q_lora_rank",):
        if name in names and told[names[name]] is None:
            del values[names[name]]
    if "head_dim" not in names:
        values[names["hidden_size"]] = TELLING["num_attention_heads"][which] * TELLING["head_dim"][which]
    if "kv_lora_rank" in names:
        values[names["num_key_value_heads"]] = TELLING["num_attention_heads"][which]
        values.pop("head_dim", None)
    if "n_inner" in told:
        values["n_inner"] = None
    return {
        **(changes or {}),
        "model_type": model_type,
        **values,
        **_layers(told, names),
        names.get("tie_word_embeddings", "tie_word_embeddings"): tied,
    }


def _width_of_heads(model_type: str, changes: Mapping[str, Any] | None) -> dict[str, int]:
    """A width of heads for a class that reads one, though its config has no field for it."""
    from transformers import AutoConfig

    own = {"head_dim": TELLING["head_dim"][0]}
    plain: Any = AutoConfig.for_model(model_type, **(changes or {}), **own, num_hidden_layers=1)
    if not hasattr(plain, "num_attention_heads") or "kv_lora_rank" in plain.to_dict():
        return {}
    with torch.device("meta"):
        module = auto_class(plain, allow_code=False).from_config(plain)
    told = {part.head_dim for part in module.modules() if isinstance(getattr(part, "head_dim", None), int)}
    return own if told == {own["head_dim"]} else {}


def _layers(told: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Two layers of each kind of attention, times two where some are dense and some have experts."""
    listed = told.get("layer_types")
    attention = list(dict.fromkeys(listed)) if isinstance(listed, list) else ["full_attention"]
    dense = bool(told.get("first_k_dense_replace"))
    kept = [kind for _ in range(1 + dense) for kind in attention for _ in range(2)]
    values: dict[str, Any] = {names["num_hidden_layers"]: len(kept)}
    if isinstance(listed, list):
        values["layer_types"] = kept
    if dense:
        values["first_k_dense_replace"] = len(kept) // 2
    if isinstance(told.get("mlp_layer_types"), list):
        kinds = list(dict.fromkeys(told["mlp_layer_types"]))
        values["mlp_layer_types"] = [kinds[min(i * len(kinds) // len(kept), len(kinds) - 1)] for i in range(len(kept))]
    return values


def build(init: Mapping[str, Any], *, dtype: torch.dtype, method: Tuner, recompute: bool) -> Loaded:
    """The model on this CPU as a run trains it, packed rows and chunked head; nothing is stored, probed or read."""
    from transformers import AutoConfig

    attention.register()
    config: Any = AutoConfig.for_model(**init)
    how = {"dtype": dtype, "attn_implementation": attention.NAME}
    with forked("trace"):
        base = auto_class(config, allow_code=False).from_config(config, **how)
    module: Any = BuildContext(dtype, tuner=method).prepared(base, "cpu")
    if recompute:
        module.activation_checkpointing_enable(activation_checkpointing_kwargs=checkpoint_options(module))
    module.train()
    return loaded(module, None, Capabilities(), LanguageModel(module, packed=True, head_mode="chunked", mixers=()))
