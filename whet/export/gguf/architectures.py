"""What GGUF has to know of an architecture: its name there, its hyperparameters, and how its weights lie."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from whet.base.errors import ModelError

# model_type of transformers -> architecture of llama.cpp.
NAMES = {
    "llama": "llama",
    "mistral": "llama",
    "qwen2": "qwen2",
    "qwen3": "qwen3",
    "gemma": "gemma",
    "gemma2": "gemma2",
    "gemma3_text": "gemma3",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A tensor of the file: its shape, and the tensor itself when it is made, in float32."""

    shape: tuple[int, ...]
    make: Callable[[], Tensor]


def architecture(config: Any) -> str:
    """llama.cpp's name of the architecture. Raises ModelError for one that is not written here."""
    kind = config.model_type
    if kind not in NAMES:
        raise ModelError(
            f"`{kind}` cannot be written as GGUF", at="model", hint=f"one of: {', '.join(NAMES)}; or --to hf"
        )
    return NAMES[kind]


def metadata(config: Any) -> dict[str, int | float | str]:
    """The hyperparameters by their keys in the file, without the architecture's name in front."""
    heads = config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // heads
    found: dict[str, int | float | str] = {
        "block_count": config.num_hidden_layers,
        "context_length": _context(config),
        "embedding_length": config.hidden_size,
        "feed_forward_length": config.intermediate_size,
        "attention.head_count": heads,
        "attention.head_count_kv": getattr(config, "num_key_value_heads", None) or heads,
        "attention.key_length": width,
        "attention.value_length": width,
        "attention.layer_norm_rms_epsilon": config.rms_norm_eps,
        "rope.dimension_count": width,
        "vocab_size": config.vocab_size,
    }
    return {**found, **_rope(config), **_gemma(config, width)}


def entries(config: Any, weights: Mapping[str, Tensor]) -> dict[str, Entry]:
    """Every tensor of the file by its name there, laid out as llama.cpp has it.

    Raises ModelError for weights that the architecture has no place for.
    """
    import gguf

    arch = next(key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture(config))
    places = gguf.get_tensor_name_map(arch, config.num_hidden_layers)
    found: dict[str, Entry] = {}
    tied = bool(getattr(config, "tie_word_embeddings", False))
    for name in weights:
        if tied and name == "lm_head.weight":
            continue
        place = places.get_name(name, try_suffixes=(".weight", ".bias"))
        if place is None:
            raise ModelError(f"GGUF has no place for `{name}`", hint="--to hf")
        found[place] = Entry(tuple(weights[name].shape), _laid_out(name, weights, config))
    factors = _rope_factors(config)
    if factors is not None:
        found["rope_freqs.weight"] = Entry(tuple(factors.shape), lambda: factors)
    return found


def _laid_out(name: str, weights: Mapping[str, Tensor], config: Any) -> Callable[[], Tensor]:
    is_gemma = config.model_type.startswith("gemma")
    heads = config.num_attention_heads
    rotated = {"q_proj": heads, "k_proj": getattr(config, "num_key_value_heads", None) or heads}
    part = name.split(".")[-2]

    def make() -> Tensor:
        tensor = weights[name].detach().float().cpu()
        if is_gemma and name.endswith("norm.weight"):
            return tensor + 1  # transformers multiplies by 1 + weight, llama.cpp by the weight
        if architecture(config) == "llama" and part in rotated:
            return _interleaved(tensor, rotated[part])
        return tensor.contiguous()

    return make


def _interleaved(tensor: Tensor, heads: int) -> Tensor:
    """Rows of a head as pairs that turn together: entries i and i + half in transformers, 2i and 2i + 1 here."""
    half = tensor.shape[0] // heads // 2
    return tensor.reshape(heads, 2, half, *tensor.shape[1:]).transpose(1, 2).reshape(tensor.shape).contiguous()


def _context(config: Any) -> int:
    """Tokens that may stand together. Where llama.cpp would ignore a sliding window, no more than the window."""
    window = getattr(config, "sliding_window", None)
    slides = getattr(config, "use_sliding_window", True) and not config.model_type.startswith("gemma")
    return min(config.max_position_embeddings, window) if window and slides else config.max_position_embeddings


def _rope(config: Any) -> dict[str, int | float | str]:
    given = _rope_of(config, "full_attention")
    found: dict[str, int | float | str] = {"rope.freq_base": float(given.get("rope_theta", 10_000.0))}
    local = _rope_of(config, "sliding_attention")
    if config.model_type == "gemma3_text":
        found["rope.freq_base_swa"] = float(local.get("rope_theta", 10_000.0))
    kind = given.get("rope_type", "default")
    if kind == "linear":
        found |= {"rope.scaling.type": "linear", "rope.scaling.factor": float(given["factor"])}
    elif kind == "yarn":
        original = given.get("original_max_position_embeddings") or config.max_position_embeddings
        found |= {
            "rope.scaling.type": "yarn",
            "rope.scaling.factor": float(given["factor"]),
            "rope.scaling.original_context_length": int(original),
        }
    elif kind not in ("default", "llama3"):
        raise ModelError(f"GGUF has no rotary scaling `{kind}`", at="config.json", hint="--to hf")
    return found


def _rope_of(config: Any, layers: str) -> Mapping[str, Any]:
    """The rotary settings, of one kind of layers where the config tells them apart."""
    given = getattr(config, "rope_parameters", None) or {}
    return given.get(layers) or given


def _rope_factors(config: Any) -> Tensor | None:
    """By what llama.cpp divides each frequency, for Llama 3's scaling: 1 for short waves, the factor for long ones."""
    given = _rope_of(config, "full_attention")
    if given.get("rope_type") != "llama3":
        return None
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    frequencies = given["rope_theta"] ** -(torch.arange(0, width, 2, dtype=torch.float64) / width)
    waves = 2 * math.pi / frequencies
    low, high = given["low_freq_factor"], given["high_freq_factor"]
    share = (given["original_max_position_embeddings"] / waves - low) / (high - low)
    kept = share.clamp(0, 1)
    return (1 / (kept + (1 - kept) / given["factor"])).float()


def _gemma(config: Any, width: int) -> dict[str, int | float | str]:
    if config.model_type not in ("gemma2", "gemma3_text"):
        return {}
    scale = config.query_pre_attn_scalar
    if scale != width and not (
        config.num_hidden_layers in (46, 62) and scale == config.hidden_size // config.num_attention_heads
    ):
        raise ModelError(
            f"llama.cpp scales queries by the head's width {width}, and this model by {scale}",
            at="config.json",
            hint="--to hf",
        )
    period = {"gemma2": 2, "gemma3_text": 6}[config.model_type]
    layers = [
        "full_attention" if (i + 1) % period == 0 else "sliding_attention" for i in range(config.num_hidden_layers)
    ]
    if config.layer_types != layers:
        raise ModelError(
            f"llama.cpp lets one layer of {period} see all, and here it is {config.layer_types}",
            at="config.json",
            hint="--to hf",
        )
    found: dict[str, int | float | str] = {"attention.sliding_window": config.sliding_window}
    if config.model_type == "gemma2":
        found["attn_logit_softcapping"] = config.attn_logit_softcapping or 0.0
        found["final_logit_softcapping"] = config.final_logit_softcapping or 0.0
    return found
