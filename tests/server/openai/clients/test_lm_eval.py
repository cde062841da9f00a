"""lm-evaluation-harness over HTTP: the likelihoods and texts that it is told are the model's own."""

from __future__ import annotations

import json

import pytest
import torch

from tests.server.openai.conftest import KEY
from tests.server.openai.test_client import expected

lm_eval = pytest.importorskip("lm_eval", reason="`make test-clients` has it")
ROWS = [
    {"text": "The quick brown fox", "choices": [" jumps over", " hello you"], "answer": 0},
    {"text": "hello world, how", "choices": [" are you", " lazy dog today"], "answer": 0},
]
CHOICE = """task: tiny_choice
dataset_path: json
dataset_kwargs: {data_files: {test: ROWS}}
output_type: multiple_choice
test_split: test
doc_to_text: text
doc_to_target: answer
doc_to_choice: choices
target_delimiter: ""
metric_list: [{metric: acc}]
"""
TEXT = """task: tiny_text
dataset_path: json
dataset_kwargs: {data_files: {test: ROWS}}
output_type: generate_until
test_split: test
doc_to_text: text
doc_to_target: text
generation_kwargs: {until: ["\\n\\n\\n"], max_gen_toks: 10, temperature: 0}
metric_list: [{metric: exact_match}]
"""


@pytest.fixture
def run(server, tokenizer, tmp_path, monkeypatch):
    """`run(model, path, task, **args)`: the samples of a task, as the harness logs them."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    for name, text in {"choice": CHOICE, "text": TEXT}.items():
        (tmp_path / f"{name}.yaml").write_text(text.replace("ROWS", str(rows)))
    tokenizer.save_pretrained(tmp_path / "tokenizer")

    def begin(kind, path, task, **args):
        from lm_eval.tasks import TaskManager

        manager = TaskManager(include_path=str(tmp_path), include_defaults=False)
        found = lm_eval.simple_evaluate(
            model=kind, model_args={"model": "tiny", "base_url": server.url + path, "max_length": 1024, **args},
            tasks=[task], task_manager=manager, log_samples=True, bootstrap_iters=0,
            apply_chat_template=kind == "local-chat-completions",
        )  # fmt: skip
        return sorted(found["samples"][task], key=lambda sample: sample["doc_id"])

    return begin


@torch.no_grad()
def likelihood(module, tokenizer, text, rest, begins):
    ids = tokenizer.encode(text + rest, add_special_tokens=begins)
    known = len(tokenizer.encode(text, add_special_tokens=begins))
    chances = module(input_ids=torch.tensor([ids])).logits[0].float().log_softmax(-1)
    return sum(chances[i - 1, ids[i]].item() for i in range(known, len(ids)))


@pytest.mark.parametrize("backend", ["huggingface", "auto"])
def test_likelihoods_are_the_models(run, module, tokenizer, tmp_path, backend):
    begins = backend == "huggingface"
    own = {"tokenizer": str(tmp_path / "tokenizer"), "add_bos_token": True} if begins else {"auth_token": KEY}
    samples = run("local-completions", "/completions", "tiny_choice", tokenizer_backend=backend, **own)
    for row, sample in zip(ROWS, samples, strict=True):
        told = [float(told[0]) for told in sample["filtered_resps"]]
        known = [likelihood(module, tokenizer, row["text"], choice, begins) for choice in row["choices"]]
        assert told == pytest.approx(known, abs=1e-3)


def test_texts_are_the_models(run, module, tokenizer, tmp_path):
    samples = run(
        "local-completions", "/completions", "tiny_text", tokenizer_backend="huggingface",
        tokenizer=str(tmp_path / "tokenizer"), add_bos_token=True,
    )  # fmt: skip
    said = [expected(module, tokenizer, row["text"], max_new_tokens=10).text for row in ROWS]
    assert [sample["resps"][0][0] for sample in samples] == said


def test_turns_are_the_models(run, module, tokenizer):
    samples = run("local-chat-completions", "/chat/completions", "tiny_text")
    chats = [[{"role": "user", "content": row["text"]}] for row in ROWS]
    said = [expected(module, tokenizer, chat, max_new_tokens=10).text for chat in chats]
    assert [sample["resps"][0][0] for sample in samples] == said
