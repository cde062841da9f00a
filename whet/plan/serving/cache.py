"""What a model remembers of a conversation, by the kind of each layer: keys and values, a latent, a window, a state."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from whet.base.errors import ModelError
from whet.plan.layers import attention_kinds

BLOCK = 16  # tokens of a page of the cache, as vLLM and SGLang have them
_STATE_BYTES = 4  # of a number of a recurrent state, which is kept in float32
Config = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LayerCache:
    """Numbers that a layer keeps: `a_token` of each of the last `window` tokens (None: of all), in the cache's dtype,
    and `fixed_bytes` however long the conversation is. `heads` are those that `a_token` is divided among, one at
    least to a rank; 0 where every rank keeps all of it."""

    kind: str
    a_token: int = 0
    window: int | None = None
    fixed_bytes: int = 0
    heads: int = 0

    def bytes_of(self, tokens: int, item: float, block: int = BLOCK, tensor: int = 1) -> float:
        """Of one conversation, in whole pages, on a rank of `tensor`."""
        seen = tokens if self.window is None else min(tokens, self.window)
        paged = -(-seen // block) * block
        share = max(1, self.heads // tensor) / self.heads if self.heads else 1.0
        return paged * self.a_token * item * share + self.fixed_bytes / tensor

    def read_bytes(self, tokens: int, item: float, tensor: int = 1) -> float:
        """What is read of it for a token more."""
        return self.bytes_of(tokens, item, 1, tensor)


def caches(config: Config) -> list[LayerCache]:
    """That of each layer, from the input on. Raises ModelError for a layer of which it is not known what it keeps."""
    config = _language(config)
    count = number(config, "num_hidden_layers", "n_layer", "num_layers")
    shared = int(config.get("num_kv_shared_layers") or 0)  # the last ones read what others keep (Gemma 3n)
    found = [_of_layer(config, kind) for kind in attention_kinds(config, count)]
    return [cache if number < count - shared else LayerCache("shared") for number, cache in enumerate(found)]


def _of_layer(config: Config, kind: str) -> LayerCache:
    if kind not in _KINDS:
        raise ModelError(
            f"a layer of the kind `{kind}` keeps something that is not known of", at="model",
            hint=f"kinds that are known: {', '.join(_KINDS)}",
        )  # fmt: skip
    return _KINDS[kind](config)


def _full(config: Config) -> LayerCache:
    """Keys and values of all tokens; of the last ones where all layers of a config alike see no more (Mistral)."""
    if "layer_types" not in config and config.get("sliding_window") and config.get("use_sliding_window", True):
        return _windowed(config, "sliding_window")
    return _whole(config)


def _whole(config: Config) -> LayerCache:
    if config.get("kv_lora_rank"):  # one latent for all heads (DeepSeek-V2, section 2.1)
        return LayerCache("latent", number(config, "kv_lora_rank") + number(config, "qk_rope_head_dim"))
    heads = number(config, "num_attention_heads", "n_head")
    groups = config.get("num_key_value_heads") or (1 if config.get("multi_query") else heads)
    head_dim = config.get("head_dim") or number(config, "hidden_size", "n_embd", "d_model") // heads
    return LayerCache("full", 2 * int(groups) * int(head_dim), heads=int(groups))


def _windowed(config: Config, name: str) -> LayerCache:
    full = _whole(config)
    window = config.get(name)
    return LayerCache("window", full.a_token, int(window), heads=full.heads) if window else full


def _delta(config: Config) -> LayerCache:
    """Gated delta networks (Qwen3-Next): a matrix a head, and the last tokens of a convolution."""
    keys = number(config, "linear_num_key_heads") * number(config, "linear_key_head_dim")
    heads, width = number(config, "linear_num_value_heads"), number(config, "linear_value_head_dim")
    seen = (2 * keys + heads * width) * number(config, "linear_conv_kernel_dim")
    state = heads * number(config, "linear_key_head_dim") * width
    return LayerCache("state", fixed_bytes=_STATE_BYTES * (seen + state))


def _mamba(config: Config) -> LayerCache:
    """Mamba 2 where it has heads, else Mamba 1: a state for each channel, and the last tokens of a convolution."""
    states, kernel = number(config, "mamba_d_state", "ssm_state_size"), number(config, "mamba_d_conv", "conv_kernel")
    heads = config.get("mamba_n_heads") or config.get("mamba_num_heads")
    if heads:
        width = int(heads) * number(config, "mamba_d_head", "mamba_head_dim")
        seen = width + 2 * number(config, "mamba_n_groups", "n_groups") * states
    else:
        width = seen = number(config, "mamba_expand", "expand") * number(config, "hidden_size")
    return LayerCache("state", fixed_bytes=_STATE_BYTES * (width * states + seen * kernel))


_KINDS: Mapping[str, Callable[[Config], LayerCache]] = {
    "full_attention": _full, "attention": _full,
    "sliding_attention": lambda config: _windowed(config, "sliding_window"),
    "chunked_attention": lambda config: _windowed(config, "attention_chunk_size"),
    "linear_attention": _delta, "mamba": _mamba, "mlp": lambda config: LayerCache("none"),
}  # fmt: skip


def _language(config: Config) -> Config:
    """The part of a config that speaks of the language model, where a model sees or hears as well."""
    inner = config.get("text_config")
    return {**config, **inner} if isinstance(inner, Mapping) else config


def number(config: Config, *names: str) -> int:
    """The first of these that the config has. Raises ModelError, with their names, where it has none."""
    for name in names:
        if isinstance(config.get(name), int) and config[name] > 0:
            return int(config[name])
    raise ModelError(
        f"the config must tell `{names[0]}`", at="model", hint="the config.json that is published beside the weights"
    )


def described(layers: list[LayerCache]) -> Iterator[str]:
    """The layers in words, those that are alike together."""
    for one in dict.fromkeys(layers):
        count = layers.count(one)
        last = f" of the last {one.window:,}" if one.window else ""
        what = f"{one.a_token:,} numbers a token{last}" if one.a_token else f"{one.fixed_bytes:,} bytes"
        yield f"{count} x {one.kind}: {what if one.a_token or one.fixed_bytes else 'nothing'}"
