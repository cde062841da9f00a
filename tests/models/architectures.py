"""Tiny models of every architecture that the tests run, with random values in every parameter."""

from __future__ import annotations

from functools import cache

from torch import nn
from transformers import AutoConfig, PretrainedConfig

from whet.models.forward import attention
from whet.models.loading.context import BuildContext
from whet.models.loading.pretrained import verdict_of
from whet.models.loading.spec import Spec
from whet.models.probing.probes import Verdict
from whet.models.probing.twin import build_twin

VOCAB = 61
SIZES = {
    "vocab_size": VOCAB,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
SLIDING = {"sliding_window": 6}
MIXED = {**SLIDING, "layer_types": ["sliding_attention", "full_attention"]}
EXPERTS = {"num_experts_per_tok": 2, "moe_intermediate_size": 24}

# What each architecture needs besides the sizes.
ARCHITECTURES: dict[str, dict] = {
    "llama": {"attention_bias": True},
    "qwen2": {"use_sliding_window": True, "max_window_layers": 1, **SLIDING},
    "qwen3": {"head_dim": 16},
    "mistral": SLIDING,
    "phi3": SLIDING,
    "gemma2": {"head_dim": 8, "query_pre_attn_scalar": 8, "attn_logit_softcapping": 5.0, **MIXED},
    "gemma3_text": {"head_dim": 8, "query_pre_attn_scalar": 8, **MIXED},
    "gpt2": {"n_inner": 48},
    "gpt_neox": {"rotary_pct": 0.5},
    # Its mask ends with its longest text, which a packed row does not.
    "gpt_neo": {"attention_types": [[["global", "local"], 1]], "window_size": 6, "max_position_embeddings": 24},
    "opt": {"ffn_dim": 48, "word_embed_proj_dim": 32},
    "bloom": {},
    "falcon": {"new_decoder_architecture": False, "multi_query": True},
    "olmo2": {},
    "granite": {"logits_scaling": 2.0, "residual_multiplier": 0.5, "embedding_multiplier": 3.0},
    "cohere2": {"head_dim": 8, "logit_scale": 0.5, **MIXED},
    "glm4": {"head_dim": 8},
    "lfm2": {"layer_types": ["conv", "full_attention"], "block_ff_dim": 48, "block_multiple_of": 8},
    "mixtral": {"num_local_experts": 4, "num_experts_per_tok": 2},
    "qwen3_moe": {"head_dim": 8, "num_experts": 4, **EXPERTS},
    "deepseek_v3": {
        "num_key_value_heads": 4,
        "n_routed_experts": 4,
        "n_group": 2,
        "topk_group": 1,
        "first_k_dense_replace": 1,
        "q_lora_rank": 16,
        "kv_lora_rank": 16,
        "qk_rope_head_dim": 8,
        "qk_nope_head_dim": 8,
        "v_head_dim": 8,
        "head_dim": 8,
        **EXPERTS,
    },
    "qwen3_next": {
        "head_dim": 8,
        "num_experts": 4,
        "linear_num_key_heads": 2,
        "linear_num_value_heads": 4,
        "linear_key_head_dim": 8,
        "linear_value_head_dim": 8,
        "layer_types": ["linear_attention", "full_attention"],
        "shared_expert_intermediate_size": 24,
        **EXPERTS,
    },
    "mamba2": {"num_heads": 4, "head_dim": 16, "state_size": 8, "n_groups": 2, "chunk_size": 8, "expand": 2},
    "gpt_oss": {"head_dim": 8, "num_local_experts": 4, "num_experts_per_tok": 2, **MIXED},
}
# Encoders, trained by filling masked tokens. Those of special tokens lie within the vocabulary.
MARKS = {"cls_token_id": 3, "sep_token_id": 4}
ENCODERS: dict[str, dict] = {
    "bert": {},
    "roberta": {},
    "distilbert": {},
    "electra": {"embedding_size": 16},
    "albert": {"embedding_size": 16},
    "modernbert": {"local_attention": 8, "layer_types": MIXED["layer_types"], **MARKS},
    "deberta-v2": {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_buckets": 8},
    "mpnet": {},
    "convbert": {"embedding_size": 32, "head_ratio": 2},
}
# Encoder-decoders.
BARTS = {
    "d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4, "decoder_attention_heads": 4,
    "encoder_ffn_dim": 48, "decoder_ffn_dim": 48, "decoder_start_token_id": 2, "forced_eos_token_id": 2,
}  # fmt: skip
T5S = {"d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4, "decoder_start_token_id": 0}
GEMMA = {**SIZES, "head_dim": 8, "query_pre_attn_scalar": 8, "attn_logit_softcapping": 5.0, **MIXED}
PAIRED: dict[str, dict] = {
    "t5": {**T5S, "relative_attention_num_buckets": 8, "relative_attention_max_distance": 12},
    "mt5": {**T5S, "feed_forward_proj": "gated-gelu", "relative_attention_num_buckets": 8},
    "umt5": {**T5S, "feed_forward_proj": "gated-gelu", "relative_attention_num_buckets": 8},
    "bart": BARTS,
    "mbart": BARTS,
    "marian": BARTS,
    "pegasus": BARTS,
    "m2m_100": BARTS,
    "t5gemma": {"encoder": GEMMA, "decoder": GEMMA},
}


def tiny_config(name: str) -> PretrainedConfig:
    return AutoConfig.for_model(name, **{**SIZES, **(ARCHITECTURES | ENCODERS | PAIRED)[name]})


def tiny_model(name: str, attention: str | None) -> nn.Module:
    """A float32 model in evaluation mode; the same random weights for every `attention`."""
    return build_twin(tiny_config(name), attention, lambda module: module)


@cache
def verdict(name: str) -> Verdict:
    """What the probes say about the tiny model."""
    attention.register()
    return verdict_of(Spec(init={"model_type": name}), tiny_config(name), BuildContext())
