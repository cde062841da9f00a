"""Families: what kind of language model a config means, and which class of transformers builds it."""

from __future__ import annotations

import sys
from typing import Any

from transformers import PretrainedConfig
from transformers.models.auto.modeling_auto import MODEL_MAPPING

from whet.models.loading.classes import LANGUAGE, Family
from whet.models.text import text_config

# Methods and functions of this name number positions from the one after the padding's (RoBERTa and its relatives).
_FROM_PADDING = "create_position_ids_from_input_ids"
# Two models side by side: what is said is the second one's own affair, head and all.
_JOINED = ("encoder-decoder",)


def family_of(config: PretrainedConfig, *, allow_code: bool = False) -> Family | None:
    """The family of the language model that the config means; None if it means none.

    Some types (bert, roberta, bart) stand for several: `is_encoder_decoder` and `is_decoder` say which.
    """
    auto_map = getattr(config, "auto_map", None) or {} if allow_code else {}
    for family, kind in LANGUAGE.items():
        if kind.auto.__name__ in auto_map:
            return family
    if config.model_type in _JOINED:
        return None
    if getattr(config, "is_encoder_decoder", False) and type(config) in LANGUAGE["seq2seq"].configs:
        return "seq2seq"
    is_causal = type(config) in LANGUAGE["causal"].configs
    if type(config) in LANGUAGE["masked"].configs and not (is_causal and getattr(config, "is_decoder", False)):
        return "masked"
    return "causal" if is_causal else None


def auto_class(config: PretrainedConfig, *, allow_code: bool = False) -> Any:
    """The class of transformers that builds the config's language model."""
    return LANGUAGE[family_of(config, allow_code=allow_code) or "causal"].auto


def stated_length(config: PretrainedConfig) -> int | None:
    """The positions that a config has room for. None where it names none, or a number for "any": XLNet's is -1."""
    length = getattr(text_config(config), "max_position_embeddings", None)
    return length if isinstance(length, int) and length > 0 else None


def first_position(config: PretrainedConfig) -> int:
    """The number of a first token's position: 0, but with RoBERTa and its relatives one more than the padding token."""
    padding = getattr(config, "pad_token_id", None)
    if padding is None or type(config) not in MODEL_MAPPING:
        return 0
    kind = MODEL_MAPPING[type(config)]
    kind = kind[0] if isinstance(kind, tuple) else kind
    parts = vars(sys.modules[kind.__module__])
    is_shifted = _FROM_PADDING in parts or any(hasattr(p, _FROM_PADDING) for p in parts.values() if isinstance(p, type))
    return padding + 1 if is_shifted else 0
