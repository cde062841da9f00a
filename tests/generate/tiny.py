"""Tiny tokenizers and models of the kinds that decoding has to get right."""

from __future__ import annotations

import functools
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, normalizers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

from whet.base.parallel import Parallel
from whet.base.seeds import forked
from whet.contracts.model import Capabilities, Loaded
from whet.models.forward.language import LanguageModel
from whet.models.loading import loaded as telling
from whet.models.tokenizers.training import train_tokenizer
from whet.parallel.shard import shard
from whet.parallel.world import World

TEXTS = [
    "The quick brown fox jumps over the lazy dog. Pack my box with five dozen liquor jugs!",
    "user assistant system hello world, how are you today? I am fine, thank you.",
    "Schöne Grüße aus Köln, 你好世界, привет мир, 🙂🙃 naïve café",
]


@functools.cache
def tokenizer(chat: bool = True) -> PreTrainedTokenizerFast:
    """Byte-level BPE, as GPT-2, Llama 3 and Qwen have it: one character may be several tokens."""
    return train_tokenizer(TEXTS, 320, chat=chat)


@functools.cache
def metaspace_tokenizer() -> PreTrainedTokenizerFast:
    """Words with a leading mark for the space and single bytes for the rest, as Llama 2 has it."""
    words = ["▁", "▁the", "▁fox", "▁jumps", "ing", "▁walk", ".", "▁.", "a", "b", "▁a"]
    special = ["<unk>", "<s>", "</s>"]
    tokens = [*special, *(f"<0x{byte:02X}>" for byte in range(256)), *words]
    tokenizer = Tokenizer(
        models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=[], byte_fallback=True, unk_token="<unk>")
    )
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    tokenizer.decoder = decoders.Sequence(steps)
    tokenizer.add_special_tokens(special)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


SHAPE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
CONFIGS = {
    "llama": {**SHAPE, "num_key_value_heads": 2, "max_position_embeddings": 128},
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 128},
    "qwen3": {**SHAPE, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 128},
    "gemma2": {**SHAPE, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 128, "sliding_window": 6},
    "mixtral": {**SHAPE, "num_key_value_heads": 2, "num_local_experts": 4, "max_position_embeddings": 128},
    "qwen3_moe": {
        **SHAPE,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "num_experts": 4,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 32,
        "max_position_embeddings": 128,
    },
}


def module(kind: str = "llama", *, vocab: int | None = None, **changes) -> torch.nn.Module:
    """Random weights, wide enough apart that the most likely token is never a close call."""
    names = {"vocab_size": vocab or len(tokenizer()), "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
    config = AutoConfig.for_model(kind, **{**CONFIGS[kind], **names, "initializer_range": 0.3, **changes})
    with forked(kind, "tiny"):
        return AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()


def folder(path: Path, kind: str = "llama", *, chat: bool = True, **changes) -> Path:
    """A model folder as `save_pretrained` writes it."""
    module(kind, **changes).save_pretrained(path)
    tokenizer(chat).save_pretrained(path)
    return path


def loaded(path: Path) -> Loaded:
    """The model of a folder, through whet's own loader."""
    from whet.generate.models import load_model

    return load_model(str(path), device="cpu")


def sharded(module: torch.nn.Module, world: World) -> torch.nn.Module:
    """The module over the ranks, in training mode."""
    model = telling.loaded(module.train(), None, Capabilities(), LanguageModel(module))
    return shard(model, world, Parallel(), ())
