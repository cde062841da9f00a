"""The twin: a model of the same classes, tiny, with random values, on which the probes run."""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch import nn
from transformers import PretrainedConfig

from whet.base.seeds import forked
from whet.models.forward.attention import own
from whet.models.forward.rope import BY_LENGTH
from whet.models.loading.families import auto_class

# What a twin is known by: a tuner that starts from stored weights has none of its shapes.
TWIN = "whet_twin"
WINDOW = 8
# Where a rotary embedding changes with the length: between the lengths of the probes' samples.
TURN = 16
VOCAB = 96
# Sizes by the names that configs use for them; None, booleans and lists stay as they are.
WIDTHS: tuple[tuple[str, int], ...] = (
    (r"(pooler_|attention_)?hidden_size|n_embd|d_model|word_embed_proj_dim|embedding_size", 64),
    (r".*intermediate_size.*|.*ffn_dim|n_inner|ffn_hidden_size|block_ff_dim|.*_mlp_size", 96),
    (r".*attention_heads|n_heads?", 4),
    (r"head_dim|.*_head_dim|mamba_d_head|rotary_dim|.*_lora_rank", 16),
    (r"mamba_n_heads|mamba_num_heads|num_heads", 8),
    (r"mamba_expand|expand|encoder_layers|decoder_layers", 2),
    (r"num_experts|num_local_experts|n_routed_experts|moe_num_experts", 4),
    (r"num_experts_per_tok|moe_topk|n_group|moe_top_k", 2),
    (r"topk_group|n_shared_experts", 1),
    (r"vocab_size.*|(src|tgt|decoder)_vocab_size", VOCAB),
)
WINDOWS = r"sliding_window|index_topk|attention_chunk_size|window_size|local_attention(_window)?"
LABELS = ("id2label", "label2id")
CYCLES = ("block_types", "_block_types")  # kinds of layers in the order in which they come again and again
PERIODS = r".*(period|interval|pattern|freq|every_n.*|sparse_step|every)"


def twin_config(config: PretrainedConfig, *, shrink: bool = True) -> PretrainedConfig:
    """The config with two layers of each kind, short windows, and (with `shrink`) tiny widths.

    Names in configs are not standardised: what is not known keeps its size, and where the sizes then do not fit
    together the build fails, which the caller sees.
    """
    values = config.to_dict()
    values.pop("quantization_config", None)
    names = {value: key for key, value in config.attribute_map.items()}
    _keep_layers(values, config.attribute_map.get("num_hidden_layers", "num_hidden_layers"))
    for key, value in values.items():
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            values[key] = _tiny(names.get(key, key), value, shrink)
    _shorten_rope(values)
    if shrink:
        _fit_widths(values, config)
        _fit_heads(values, config)
        _fit_rope(values)
        _fit_tokens(values)
    for key in config.sub_configs:
        if isinstance(part := getattr(config, key, None), PretrainedConfig):
            values[key] = twin_config(part, shrink=shrink).to_dict()
    if "rescale_every" in values:  # RWKV's weights are to be what they are (`rescaling.keep`)
        values["rescale_every"] = 0
    derived = {key: values.pop(key) for key in _derived(config)}
    twin = type(config).from_dict(values)
    for key, value in derived.items():
        if getattr(twin, key, None) in (None, getattr(config, key, None)):  # it follows from nothing that shrank
            setattr(twin, key, value)
    twin.name_or_path = config.name_or_path  # where code that comes with the model lies
    return twin


def copies(build: Callable[[str | None], nn.Module]) -> Callable[[str | None], nn.Module]:
    """The same as `build`, made once for each attention and copied: probes ask for a fresh twin many times."""
    made: dict[str | None, nn.Module] = {}

    def copied(attention: str | None) -> nn.Module:
        if attention not in made:
            made[attention] = build(attention)
        return deepcopy(made[attention])

    return copied


def build_twin(
    config: PretrainedConfig,
    attention: str | None,
    prepare: Callable[[nn.Module], nn.Module],
    *,
    allow_code: bool = False,
) -> nn.Module:
    """A float32 model from a twin's config, prepared for training and randomised: equal for equal arguments."""
    with forked("twin"):
        module = auto_class(config, allow_code=allow_code).from_config(
            deepcopy(config),  # the attention's name is written into it
            dtype=torch.float32,
            attn_implementation=attention or own(config),
            trust_remote_code=allow_code,
        )
        object.__setattr__(module, TWIN, True)
        module = prepare(module)
    randomise(module)
    return module.eval()


def randomise(module: nn.Module) -> None:
    """Give every parameter and stored buffer a value that no zero or one hides behind.

    Matrices keep activations near one, so that scores, windows and routing matter; vectors move from where they start;
    matrices that are buffers keep their zeros, which may be a mask.
    """
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for value in module.state_dict(keep_vars=True).values():
            if not value.is_floating_point():
                continue
            noise = torch.randn(value.shape, generator=generator).to(value.dtype)
            if value.dim() < 2:
                value.add_(noise, alpha=0.3)
            elif isinstance(value, nn.Parameter):
                value.copy_(noise / value.shape[-1] ** 0.5)
            else:
                value.mul_(1 + 0.1 * noise)


@torch.no_grad()
def randomise_parameters(module: nn.Module) -> None:
    """The same for parameters alone. Buffers stay: one may follow from another, as decays of linear attention do."""
    buffers = {name: buffer.clone() for name, buffer in module.named_buffers()}
    randomise(module)
    for name, buffer in module.named_buffers():
        buffer.copy_(buffers[name])


def _keep_layers(values: dict[str, Any], layers: str) -> None:
    """Cut the stack to two layers of each kind; kinds differ in what per-layer lists say, or come periodically."""
    count = values.get(layers)
    if not isinstance(count, int):
        return
    lists = {key: value for key, value in values.items() if isinstance(value, list) and len(value) == count > 1}
    lists = {key: value for key, value in lists.items() if len({str(item) for item in value}) < count}
    kept = _kept(values, count, lists)
    for key, value in lists.items():
        values[key] = [value[index] for index in kept]
    for key, value in values.items():
        if key in LABELS:  # whose names may be digits
            continue
        if isinstance(value, dict) and value and all(str(index).isdigit() for index in value):
            values[key] = {kept.index(int(i)): part for i, part in value.items() if int(i) in kept}
    if values.get("num_blocks") == count:  # xLSTM's other name for it
        values["num_blocks"] = len(kept)
    for key in ("first_k_dense_replace", "num_kv_shared_layers"):
        if values.get(key):
            values[key] = min(values[key], 2)
    values[layers] = len(kept)


def _kept(values: dict[str, Any], count: int, lists: dict[str, list]) -> list[int]:
    """Indices of the first two layers of each kind, or of two periods where no list tells kinds apart."""
    dense = values.get("first_k_dense_replace") or 0
    shared = count - (values.get("num_kv_shared_layers") or 0)
    seen: dict[tuple, list[int]] = {}
    for index in range(count):
        kind = (index < dense, index < shared, *(str(value[index]) for value in lists.values()))
        seen.setdefault(kind, []).append(index)
    kept = {index for indices in seen.values() for index in indices[:2]}
    if not lists:
        periods = [v for k, v in values.items() if re.fullmatch(PERIODS, k) and isinstance(v, int) and v > 1]
        periods += [len(v) for k, v in values.items() if k in CYCLES and isinstance(v, list | tuple)]
        kept |= set(range(min(count, 2 * max(periods, default=1))))
    return sorted(kept)


def _tiny(name: str, value: int, shrink: bool) -> int:
    if re.fullmatch(WINDOWS, name):
        return min(value, WINDOW)
    if shrink:
        for pattern, size in WIDTHS:
            if re.fullmatch(pattern, name):
                return min(value, size) if size <= 4 else size
    return value


def _derived(config: PretrainedConfig) -> list[str]:
    """Names of numbers that a config computes from its settings (Zamba2's head sizes), and computes anew for a twin."""
    if not is_dataclass(config):
        return []
    kind: Any = type(config)
    known = {*(one.name for one in fields(kind)), *kind.attribute_map}
    values = kind.to_dict(config)
    others = {key: values.pop(key) for key in list(values) if key not in known and _is_number(values[key])}
    try:
        again = kind.from_dict(values) if others else None
    except Exception:  # a config that needs them follows from nothing
        return []
    return [key for key, value in others.items() if getattr(again, key, None) == value]


def _is_number(value: Any) -> bool:
    parts = value if isinstance(value, list) else [value]
    return bool(parts) and all(type(part) is int for part in parts)


def _fit_widths(values: dict[str, Any], config: PretrainedConfig) -> None:
    """Keep what follows from the hidden size: Zamba's attention is twice as wide, xLSTM's embedding as wide."""
    hidden = getattr(config, "hidden_size", None)
    for key in ("embedding_dim", "attention_hidden_size"):
        old = getattr(config, key, None)
        if key in values and isinstance(old, int) and isinstance(hidden, int) and old % hidden == 0:
            values[key] = values[config.attribute_map.get("hidden_size", "hidden_size")] * (old // hidden)
            if isinstance(values.get("attention_head_dim"), int):
                values["attention_head_dim"] = values[key] // values["num_attention_heads"]


def _fit_heads(values: dict[str, Any], config: PretrainedConfig) -> None:
    """Keep what the number of key-value heads means: as many as queries, one, or groups."""
    own = config.attribute_map.get
    heads = own("num_attention_heads", "num_attention_heads")
    if not isinstance(values.get(heads), int):
        return
    for key in (own("num_key_value_heads", "num_key_value_heads"), "num_kv_heads", "swa_num_key_value_heads"):
        old = values.get(key)
        if isinstance(old, int):
            values[key] = values[heads] if old == config.num_attention_heads else min(old, 2)
    if values.get("head_dim", 0) is None:
        values["head_dim"] = 16
    if "d_head" in values:  # XLNet
        values["d_head"] = values[own("hidden_size", "hidden_size")] // values[heads]
    if "qk_head_dim" in values:
        values["qk_head_dim"] = values["qk_nope_head_dim"] + values["qk_rope_head_dim"]


def _shorten_rope(values: dict[str, Any]) -> None:
    """Bring the length at which a rotary embedding changes its frequencies within the probes' reach."""
    rope = values.get("rope_parameters")
    parts = [rope, *rope.values()] if isinstance(rope, dict) else []
    for part in parts:
        if not isinstance(part, dict) or part.get("rope_type") not in BY_LENGTH:
            continue
        for place in (part, values):
            if "original_max_position_embeddings" in place:
                place["original_max_position_embeddings"] = TURN
        if part["rope_type"] == "dynamic":
            values["max_position_embeddings"] = TURN


def _fit_rope(values: dict[str, Any]) -> None:
    """Cut per-frequency lists to the twin's head size."""
    head_dim = values.get("qk_rope_head_dim") or values.get("head_dim") or 16
    for key in ("rope_parameters", "rope_scaling"):
        rope = values.get(key)
        if not isinstance(rope, dict):
            continue
        for part in [rope, *(v for v in rope.values() if isinstance(v, dict))]:
            share = part.get("partial_rotary_factor") or values.get("partial_rotary_factor") or 1.0
            count = int(head_dim * share) // 2
            for name in ("short_factor", "long_factor"):
                if isinstance(part.get(name), list):
                    part[name] = part[name][:count]
            if isinstance(part.get("mrope_section"), list):
                part["mrope_section"] = [count - 2 * (count // 3), count // 3, count // 3]


def _fit_tokens(values: dict[str, Any]) -> None:
    for key, value in values.items():
        if key.endswith("_token_id") and isinstance(value, int):
            values[key] = value % VOCAB
        elif key.endswith("_token_id") and isinstance(value, list):
            values[key] = [token % VOCAB for token in value]
