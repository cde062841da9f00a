"""Small random models of every type that transformers knows, as folders that a user might have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors
from torch import nn
from transformers import CONFIG_MAPPING, PretrainedConfig, PreTrainedTokenizerFast

from tests.tiny import CHATML
from whet.base.seeds import forked
from whet.contracts.model import Head
from whet.models.forward.heads import headed
from whet.models.loading.classes import HEADED, LANGUAGE, Class
from whet.models.loading.families import family_of
from whet.models.probing.twin import VOCAB, randomise_parameters, twin_config

# What is swept: language models by family, and models with a head.
KINDS: dict[str, Class] = {**LANGUAGE, "sequence": HEADED["sequence"], "token": HEADED["token"]}
LABELS = ("a", "b", "c")
CONTEXT = 128
# A model of one letter a token, so that tokenizers are the same for all.
MARKS = ["<pad>", "<s>", "</s>", "<unk>", "<mask>", "<|im_start|>", "<|im_end|>"]
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 \n.,:;!?'\"()[]{}+-*/=<>|_"
TOO_LARGE = 8_000_000

_ROPE = {"rope_type": "default", "rope_theta": 10000.0}
# What the types need whose default sizes do not shrink by the names that `whet.models.probing.twin` knows.
NEEDS: dict[str, dict[str, Any]] = {
    "bert-generation": {"is_decoder": True},
    "cohere_compass_text": {"rope_parameters": {"sliding_attention": _ROPE, "full_attention": _ROPE}},
    "deepseek_v2": {"num_experts_per_tok": 2, "n_group": 1, "topk_group": 1},
    "dots1": {"n_routed_experts": 4, "num_experts_per_tok": 2, "n_shared_experts": 1, "first_k_dense_replace": 1},
    "esm": {"vocab_size": VOCAB, "mask_token_id": 4, "pad_token_id": 0, "position_embedding_type": "rotary"},
    "falcon_h1": {"mamba_d_ssm": 128, "mamba_n_heads": 8, "mamba_d_head": 16},
    "gemma3n_text": {"vocab_size_per_layer_input": VOCAB, "hidden_size_per_layer_input": 8, "laurel_rank": 8},
    "lfm2": {"num_hidden_layers": 4, "layer_types": ["conv", "full_attention"] * 2},
    "lfm2_moe": {
        "num_hidden_layers": 4, "num_dense_layers": 1, "layer_types": ["conv", "full_attention"] * 2,
    },
    "longcat_flash": {"num_layers": 2, "zero_expert_num": 2, "expert_ffn_hidden_size": 32},
    "luke": {"entity_vocab_size": 8, "entity_emb_size": 16},
    "nemotron": {"num_key_value_heads": 8},
    "qwen4_exp_text": {
        "indexer_n_heads": 2, "indexer_kv_heads": 1, "indexer_head_dim": 16, "indexer_budget": 4,
        "indexer_compress_ratio": 2, "hc_lowrank": 8, "ple_embed_dim": 16, "ngram_vocab_size_base": 64,
        "split_ngram_parts": 2, "make_ngram_vocab_size_divisible_by": 8,
    },
    "reformer": {
        "axial_pos_embds": False, "attention_head_size": 16, "feed_forward_size": 96, "is_decoder": True,
        "num_hidden_layers": 2, "attn_layers": ["local", "local"],
    },
    "roc_bert": {
        "pronunciation_embed_dim": 16, "pronunciation_vocab_size": VOCAB, "shape_embed_dim": 16,
        "shape_vocab_size": VOCAB,
    },
    "rwkv": {"attention_hidden_size": 64},
    "switch_transformers": {
        "num_layers": 2, "num_decoder_layers": 2, "num_sparse_encoder_layers": 1, "num_sparse_decoder_layers": 1,
        "d_ff": 96, "d_kv": 16,
    },
    "xmod": {"default_language": "en_XX"},
    "xlnet": {"d_inner": 96, "d_head": 16, "d_model": 64, "n_head": 4, "n_layer": 2},
}  # fmt: skip
# Nothing at random, and lengths for which the tests have text.
_STILL = r".*drop(out)?(_rate|_prob|_p|_proba)?|.*_dropout_.*|.*pdrop|.*layerdrop|.*jitter.*|.*dropout"
_CONTEXT = r"max_position_embeddings|n_positions|max_seq_len|max_sequence_length|seq_length|n_ctx|max_seq_length"


def names(kind: str) -> list[str]:
    """The model types that a kind of model is made of, and that mean it when transformers loads a folder of them."""
    found = [name for name, config in CONFIG_MAPPING.items() if config in KINDS[kind].configs]
    if kind not in ("masked", "seq2seq"):  # decoders are asked for by `is_decoder`
        return found
    return [name for name in found if getattr(CONFIG_MAPPING[name], "is_encoder_decoder", False) == (kind == "seq2seq")]


def all_types() -> Iterator[tuple[str, str]]:
    for kind in KINDS:
        yield from ((kind, name) for name in names(kind))


def small_config(kind: str, name: str) -> PretrainedConfig:
    """A config of a few hundred thousand parameters."""
    given = NEEDS.get(name, {})
    config = twin_config(CONFIG_MAPPING[name](**given))
    for part in [config, *(getattr(config, key) for key in config.sub_configs if hasattr(config, key))]:
        if isinstance(part, PretrainedConfig):
            _settle(part)
    return config


def _settle(config: PretrainedConfig) -> None:
    own = {value: key for key, value in config.attribute_map.items()}
    for key, value in config.to_dict().items():
        if isinstance(value, float) and re.fullmatch(_STILL, key):
            setattr(config, key, 0.0)
        if re.fullmatch(_CONTEXT, own.get(key, key)) and isinstance(value, int):
            setattr(config, key, CONTEXT)
    config.pad_token_id, config.bos_token_id, config.eos_token_id = 0, 1, 2


def small_model(kind: str, name: str) -> nn.Module:
    """The model in float32 and evaluation mode, every value random."""
    config = small_config(kind, name)
    if kind == "seq2seq" and getattr(config, "decoder_start_token_id", None) is None:
        config.decoder_start_token_id = getattr(getattr(config, "decoder", None), "bos_token_id", 0)
    if kind in LANGUAGE:
        if family_of(config) != kind:
            config.is_decoder, config.is_encoder_decoder = kind == "causal", kind == "seq2seq"
        build = KINDS[kind].auto
    else:
        problem = "single_label_classification" if kind == "sequence" else None
        build = headed(config, Head(kind, LABELS, problem))
    with forked(name, "small"):
        with torch.device("meta"):
            size = sum(p.numel() for p in build.from_config(config).parameters())
        if size > TOO_LARGE:
            raise ValueError(f"{size:,} parameters")
        module = build.from_config(config, dtype=torch.float32)
    randomise_parameters(module)
    return module.eval()


def write(kind: str, name: str, folder: Path) -> nn.Module:
    """The folder of the model with a tokenizer, as transformers writes it."""
    module: Any = small_model(kind, name)
    module.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return module


def tokenizer() -> PreTrainedTokenizerFast:
    """As many tokens as twins have, each a letter or a mark."""
    vocab = {token: number for number, token in enumerate([*MARKS, *dict.fromkeys(LETTERS)])}
    assert len(vocab) <= VOCAB
    backend = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), behavior="isolated")
    ends = [("<s>", 1), ("</s>", 2)]
    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=ends
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="<pad>", bos_token="<s>", eos_token="</s>", unk_token="<unk>",
        mask_token="<mask>", extra_special_tokens=["<|im_start|>", "<|im_end|>"], clean_up_tokenization_spaces=False,
    )  # fmt: skip
    fast.chat_template = CHATML
    return fast
