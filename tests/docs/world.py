"""The folder in which the documentation's commands run: tiny files under the names that the pages use."""

from __future__ import annotations

import csv
import json
import random
import re
from pathlib import Path
from typing import Any

WORDS = "the quick brown fox jumps over a lazy dog while seven wise owls watch from old oak trees".split()
ANIMALS = ("fox", "dog", "owls")
QWEN = {
    "model_type": "qwen3", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "head_dim": 8,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 256,
}  # fmt: skip
# Sizes that pages use and what becomes of them here: the commands stay, seconds instead of hours.
_SMALL = {
    "steps": 3, "tokens": 1024, "epochs": 1, "batch_tokens": 512, "every": 2, "checkpoint_every": 2, "max_length": 64,
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "rank": 4, "max_position_embeddings": 64, "max_new_tokens": 8,
}  # fmt: skip


def small(text: str) -> str:
    """A command or a file of a page with its sizes cut down."""
    for name, value in _SMALL.items():
        text = re.sub(rf"\b({name}(?:=|: ))\d[\de]*", rf"\g<1>{value}", text)
    text = re.sub(r"(--max-new-tokens )\d+", r"\g<1>8", text)
    return re.sub(r"(--vocab-size )\d+", r"\g<1>400", text)


def build(folder: Path) -> Path:
    """Write everything into `folder`."""
    rng = random.Random(0)
    _write_rows(folder / "chat.jsonl", [_chat(rng) for _ in range(40)])
    _write_rows(folder / "valid.jsonl", [_chat(rng) for _ in range(8)])
    _write_rows(folder / "alpaca.jsonl", [{"instruction": _said(rng), "output": _said(rng)} for _ in range(20)])
    _write_rows(folder / "pairs.jsonl", [{"prompt": _said(rng), "chosen": "yes", "rejected": "no"} for _ in range(4)])
    _write_rows(folder / "faq.jsonl", [{"question": _said(rng), "reply": _said(rng)} for _ in range(20)])
    _write_rows(folder / "quiz.jsonl", [_quiz(rng) for _ in range(20)])
    books = folder / "books"
    books.mkdir()
    for number in range(24):
        (books / f"{number:02}.txt").write_text("".join(_said(rng).capitalize() + ".\n" for _ in range(12)))
    _write_table(folder / "iris.csv", rng)
    tried = [{"prompt": _said(rng), "completions": [_said(rng), _said(rng)]} for _ in range(4)]
    _write_rows(folder / "tried.jsonl", tried)
    _texts(folder, rng)
    _model(folder)
    _encoders(folder)
    _write_rows(folder / "copies.jsonl", [{"question": word, "answer": word} for word in WORDS])
    _write_rows(folder / "gsm8k.jsonl", [{"question": f"{n} plus 2?", "answer": f"So #### {n + 2}"} for n in range(20)])
    return folder


def _texts(folder: Path, rng: random.Random) -> None:
    """Rows for embedding models, rerankers and classifiers. A review is good if its owl is wise."""
    asked = [{"query": _said(rng), "positive": _said(rng), "negatives": [_said(rng)]} for _ in range(20)]
    _write_rows(folder / "questions.jsonl", asked)
    for name in ("docstrings", "functions", "docstrings-held-out"):
        _write_rows(folder / f"{name}.jsonl", [{"query": _said(rng), "positive": _said(rng)} for _ in range(20)])
    texts = [_said(rng) for _ in range(40)]
    _write_rows(folder / "reviews.jsonl", [{"text": t, "label": "good" if "wise" in t else "bad"} for t in texts])
    scored = [{"sentence1": a, "sentence2": b, "score": len(a) / 60} for a, b in zip(texts, texts[::-1], strict=True)]
    _write_rows(folder / "alike.jsonl", scored)
    tags = [{"tokens": t.split(), "tags": ["B-ANIMAL" if w in ANIMALS else "O" for w in t.split()]} for t in texts]
    _write_rows(folder / "words.jsonl", tags)
    steps = [
        {"prompt": t, "completions": [_said(rng), _said(rng)], "labels": [True, i % 2 == 0]}
        for i, t in enumerate(texts)
    ]
    _write_rows(folder / "solutions.jsonl", steps)
    _write_rows(folder / "translations.jsonl", [{"prompt": t, "completion": " ".join(t.split()[::-1])} for t in texts])


def _said(rng: random.Random) -> str:
    return " ".join(rng.choices(WORDS, k=rng.randint(3, 9)))


def _chat(rng: random.Random) -> dict[str, Any]:
    messages = [("user", _said(rng)), ("assistant", _said(rng))] * rng.randint(1, 2)
    return {"messages": [{"role": role, "content": content} for role, content in messages]}


def _quiz(rng: random.Random) -> dict[str, Any]:
    return {"question": _said(rng), "options": [_said(rng), _said(rng), _said(rng)], "right": rng.randrange(3)}


def _write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def _write_table(path: Path, rng: random.Random) -> None:
    """Four columns of numbers, and a class that the first two decide."""
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["sepal_length", "sepal_width", "petal_length", "petal_width", "label"])
        for _ in range(150):
            row = [round(rng.gauss(0, 1), 2) for _ in range(4)]
            table.writerow([*row, int(row[0] > 0) + int(row[1] > 0)])


def _model(folder: Path) -> None:
    """A random model with a tokenizer of its own, under the names of the models on the pages."""
    from transformers import AutoConfig, AutoModelForCausalLM

    from whet.base.seeds import forked
    from whet.models.tokenizers.training import train_tokenizer

    texts = [path.read_text() for path in (*sorted(folder.glob("*.jsonl")), *sorted(folder.glob("books/*.txt")))]
    tokenizer = train_tokenizer(texts, 500, chat=True)
    ids = {"vocab_size": len(tokenizer), "eos_token_id": tokenizer.eos_token_id, "bos_token_id": tokenizer.bos_token_id}
    config = AutoConfig.for_model(**QWEN, **ids, pad_token_id=tokenizer.pad_token_id)
    with forked(0, "docs"):
        model = AutoModelForCausalLM.from_config(config)
    for name in ("Qwen/Qwen3-0.6B", "Qwen/Qwen3-4B", "model"):
        model.save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)


def _encoders(folder: Path) -> None:
    """A random encoder and a random encoder-decoder, each with a tokenizer of its kind."""
    from transformers import AutoConfig, AutoModelForMaskedLM, AutoModelForSeq2SeqLM

    from tests.marked import bert_tokenizer, t5_tokenizer
    from whet.base.seeds import forked

    bert = {"model_type": "bert", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    t5 = {"model_type": "t5", "d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2}
    made = (
        ("answerdotai/ModernBERT-base", bert | {"num_attention_heads": 4}, bert_tokenizer, AutoModelForMaskedLM),
        (
            "google/t5-v1_1-small",
            t5 | {"num_heads": 4, "decoder_start_token_id": 0},
            t5_tokenizer,
            AutoModelForSeq2SeqLM,
        ),
    )
    for name, config, tokenizer, kind in made:
        own = tokenizer(folder / name)
        ids = {"vocab_size": len(own), "pad_token_id": own.pad_token_id, "eos_token_id": own.eos_token_id}
        with forked(0, "docs"):
            kind.from_config(AutoConfig.for_model(**config, **ids)).save_pretrained(folder / name)
