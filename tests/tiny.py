"""The smallest real things: a tokenizer with a chat template, rows to train on, a run's config."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.role == 'assistant' %}{% generation %}{{ m.content }}<|im_end|>{% endgeneration %}\n"
    "{% else %}{{ m.content }}<|im_end|>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA = {
    "model_type": "llama", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "tie_word_embeddings": True, "max_position_embeddings": 256,
}  # fmt: skip
WORDS = "the quick brown fox jumps over a lazy dog while seven wise owls watch from old oak trees".split()


def sentence(seed: int, length: int) -> str:
    return " ".join(WORDS[(seed * 31 + i * 7 + i * i) % len(WORDS)] for i in range(length))


def conversations(count: int) -> list[dict[str, Any]]:
    """Alpaca rows of different lengths."""
    return [
        {"instruction": sentence(i, 3 + i % 7), "input": "", "output": sentence(i + 1, 2 + (i * 5) % 11)}
        for i in range(count)
    ]


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def tokenizer(folder: Path) -> Path:
    """A byte-level BPE of 400 tokens with a ChatML template, written to `folder`."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    special = ["<|end|>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator([sentence(i, 20) for i in range(50)], trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<|im_end|>", pad_token="<|end|>")
    fast.chat_template = CHATML
    fast.save_pretrained(folder)
    return folder


def config(folder: Path, **sections: Any) -> dict[str, Any]:
    """A run of a tiny llama over 40 conversations in `folder` (made when missing): 64 tokens a step."""
    if not (folder / "tokenizer").exists():
        tokenizer(folder / "tokenizer")
        write_rows(folder / "rows.jsonl", conversations(40))
    base: dict[str, Any] = {
        "model": {"init": LLAMA, "tokenizer": str(folder / "tokenizer")},
        "data": {"train": [str(folder / "rows.jsonl")], "window_steps": 3},
        "optimizer": {"lr": 1e-2},
        "train": {"precision": "fp32", "steps": 12, "batch_tokens": 128, "micro_batch": 64, "checkpoint_every": 6},
        "track": {"folder": str(folder / "runs"), "sinks": ["jsonl"], "environment": False, "hardware_every_s": 0},
    }
    for name, values in sections.items():
        base[name] = (
            {**base[name], **values} if isinstance(values, dict) and isinstance(base.get(name), dict) else values
        )
    return base
