"""A walk over a tiny model, with batches of a few samples."""

from __future__ import annotations

import copy

import numpy as np
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from tests.generate import tiny
from whet.base.seeds import forked
from whet.contracts.sample import Sample
from whet.export.quantizing.calibration import batches
from whet.export.quantizing.coding import empty, returns_tuples
from whet.export.quantizing.walk import Walk
from whet.models.forward import attention
from whet.models.forward.language import LanguageModel

OTHERS = {
    "opt": {
        "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "ffn_dim": 64,
        "max_position_embeddings": 128, "word_embed_proj_dim": 32, "activation_function": "relu",
    },
    "gpt_neox": {
        "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64,
        "max_position_embeddings": 128,
    },
}  # fmt: skip
LENGTHS = (9, 5, 17, 30)


def module(kind: str) -> torch.nn.Module:
    """A model whose vectors are not at their start, so that a wrong way of folding shows."""
    if kind in OTHERS:
        config = AutoConfig.for_model(kind, vocab_size=96, **OTHERS[kind])
        with forked(kind):
            found = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    else:
        found = tiny.module(kind, initializer_range=0.1)
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in found.parameters():
            if parameter.dim() == 1:
                parameter += 0.2 * torch.randn(parameter.shape, generator=draw)
    return found


def samples() -> list[Sample]:
    draw = np.random.default_rng(0)
    return [Sample(draw.integers(3, 90, n).astype(np.int32), np.ones(n, np.float32)) for n in LENGTHS]


def walked(kind: str, *, packed: bool = True, model: torch.nn.Module | None = None):
    """What the first block of a model is given, and the walk."""
    attention.register()
    model = model or module(kind)
    bare = empty(copy.deepcopy(model.config), packed)
    walk = Walk(LanguageModel(bare, packed=packed), model.state_dict(), torch.device("cpu"))
    return walk.begin(batches(samples(), packed), returns_tuples(model.config)), walk
