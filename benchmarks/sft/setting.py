"""What every worker of the fine-tuning benchmark is told, so that no tool has an easier task."""

from __future__ import annotations

NUM_ROWS = 128
MAX_TOKENS = 512
VOCAB_SIZE = 32_000

# One optimizer step sees all rows, so every tool makes the same updates however it batches or packs,
# and the mean loss over the steps must agree between tools to rounding.
LEARNING_RATE = 1e-3
BETAS = (0.9, 0.999)
EPSILON = 1e-8
WEIGHT_DECAY = 0.0
CLIP_NORM = 1.0
SEED = 0

# Llamas whose head and embedding are one matrix: of 12.3 M in the 21.7 M model, of 24.6 M in the 110.7 M one.
_COMMON = {
    "vocab_size": VOCAB_SIZE,
    "head_dim": 64,
    "max_position_embeddings": 2048,
    "tie_word_embeddings": True,
}
MODELS = {
    "21m": {
        **_COMMON,
        "hidden_size": 384,
        "intermediate_size": 1024,
        "num_hidden_layers": 6,
        "num_attention_heads": 6,
        "num_key_value_heads": 2,
    },
    "110m": {
        **_COMMON,
        "hidden_size": 768,
        "intermediate_size": 2432,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "num_key_value_heads": 4,
    },
}
