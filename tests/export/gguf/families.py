"""Small models of every family that is written as GGUF, and a tokenizer in SentencePiece's manner."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, normalizers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

from tests.generate import tiny
from whet.base.seeds import forked
from whet.export.card import Card
from whet.export.observation import observe
from whet.export.source import Source

SHAPE = {
    "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
    "intermediate_size": 128, "max_position_embeddings": 128, "initializer_range": 0.05,
}  # fmt: skip
GEMMA = {"query_pre_attn_scalar": 16, "sliding_window": 12}
LLAMA3 = {
    "rope_type": "llama3", "rope_theta": 10_000.0, "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}  # fmt: skip
FAMILIES = {
    "llama": {"num_key_value_heads": 2},
    "llama3": {"rope_parameters": LLAMA3, "tie_word_embeddings": True, "attention_bias": True},
    "linear": {"rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 10_000.0}},
    "mistral": {"sliding_window": None},
    "qwen2": {},
    "qwen3": {"tie_word_embeddings": True},
    "gemma": {},
    "gemma2": GEMMA,
    "gemma3_text": {**GEMMA, "num_hidden_layers": 6},
}
KINDS = {"llama3": "llama", "linear": "llama"}


def module(family: str, tokenizer=None, **changes) -> torch.nn.Module:
    """Random weights, all of them: norms and biases too, which start at values that hide mistakes."""
    tokenizer = tokenizer or tiny.tokenizer()
    names = {
        "vocab_size": len(tokenizer) + 3,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    config = AutoConfig.for_model(
        KINDS.get(family, family), **{**SHAPE, **FAMILIES[family], **names, "pad_token_id": None, **changes}
    )
    with forked(family, "gguf"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.dim() == 1:
                    parameter.add_(0.2 * torch.randn(parameter.shape))
    return model


def source(family: str, tokenizer=None, **changes) -> Source:
    tokenizer = tokenizer or tiny.tokenizer()
    model = module(family, tokenizer, **changes)
    return Source(family, model, tokenizer, torch.float32, Card(family), observe(model, tokenizer))


def folder(path: Path, family: str, **changes) -> Path:
    module(family, **changes).save_pretrained(path)
    tiny.tokenizer().save_pretrained(path)
    return path


def sentencepiece(prefix: bool = True) -> PreTrainedTokenizerFast:
    """Words with a mark for the blank, single bytes for the rest, and every way to merge, as Llama 2 has it."""
    special = ["<unk>", "<s>", "</s>"]
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)] + list("TWDNB.▁,()'")
    words = [
        "th",
        "the",
        "▁the",
        "▁t",
        "▁th",
        "he",
        "in",
        "ing",
        "▁a",
        "an",
        "▁an",
        "and",
        "▁and",
        "st",
        "or",
        "▁s",
        "▁st",
    ]
    words += ["re", "er", "ou", "ur", "our", "en", "on", "nd", "is", "▁is", "at", "it", "▁▁", "al", "▁w", "wh", "▁wh"]
    tokens = [*special, *(f"<0x{byte:02X}>" for byte in range(256)), *letters, *words]
    ids = {token: i for i, token in enumerate(tokens)}
    merges = [(w[:i], w[i:]) for w in words for i in range(1, len(w)) if w[:i] in ids and w[i:] in ids]
    inner = Tokenizer(models.BPE(vocab=ids, merges=merges, byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    blanks = normalizers.Replace(" ", "▁")
    inner.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), blanks]) if prefix else blanks
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    inner.decoder = decoders.Sequence([*steps, decoders.Strip(" ", 1, 0)] if prefix else steps)
    inner.add_special_tokens(special)
    from tokenizers.processors import TemplateProcessing

    inner.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    wrapped = PreTrainedTokenizerFast(tokenizer_object=inner, bos_token="<s>", eos_token="</s>", unk_token="<unk>")
    wrapped.chat_template = (
        "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content | trim }} [/INST]"
        "{% else %} {{ m.content | trim }}</s>{% endif %}{% endfor %}"
    )
    return wrapped
