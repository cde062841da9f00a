"""DPO and KTO learn a rule from preferences alone: held-out pairs are told apart that were not before."""

from __future__ import annotations

import json
import random

import pytest
import torch

from tests.tiny import LLAMA, WORDS, config, write_rows
from whet.base.config import from_mapping
from whet.train.api import train
from whet.train.build import assemble

pytestmark = pytest.mark.slow
KEYS = [word for word in WORDS if len(word) > 3]


def pair(number):
    """The reply should name the last word of the question."""
    rng = random.Random(number)
    wanted, other = rng.sample(KEYS, 2)
    filler = [rng.choice(KEYS) for _ in range(rng.randrange(1, 5))]
    return {"prompt": " ".join([*filler, wanted]), "chosen": wanted, "rejected": other}


def marked(row):
    asked = {"role": "user", "content": row["prompt"]}
    for side in ("chosen", "rejected"):
        yield {"messages": [asked, {"role": "assistant", "content": row[side]}], "label": side == "chosen"}


def accuracy(tmp_path, model, rows):
    """How often the model finds the chosen reply likelier than the rejected one."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    module, tokenizer = AutoModelForCausalLM.from_pretrained(model), AutoTokenizer.from_pretrained(model)
    wins = []
    for row in rows:
        scores = []
        for side in ("chosen", "rejected"):
            chat = [{"role": "user", "content": row["prompt"]}, {"role": "assistant", "content": row[side]}]
            prompt = tokenizer.apply_chat_template(chat[:1], add_generation_prompt=True)["input_ids"]
            ids = torch.tensor(tokenizer.apply_chat_template(chat)["input_ids"])
            with torch.no_grad():
                logprobs = torch.log_softmax(module(input_ids=ids[None]).logits[0, :-1], -1)
            scores.append(logprobs.gather(1, ids[1:, None])[len(prompt) - 1 :].sum().item())
        wins.append(scores[0] > scores[1])
    return sum(wins) / len(wins)


@pytest.mark.parametrize("kind", ["dpo", "kto"])
def test_held_out_pairs_are_told_apart_after_training_and_not_before(tmp_path, kind, record_property):
    rows = [pair(i) for i in range(600)]
    held, learned = rows[:100], [row for row in rows[100:] if row["prompt"] not in {r["prompt"] for r in rows[:100]}]
    shown = learned if kind == "dpo" else [m for row in learned for m in marked(row)]
    measured = held if kind == "dpo" else [m for row in held for m in marked(row)]
    data = {
        "train": [str(write_rows(tmp_path / "train.jsonl", shown))],
        "held_out": [str(write_rows(tmp_path / "held.jsonl", measured))],
    }
    settings = config(
        tmp_path, name=kind, objective={"kind": kind, "beta": 0.5}, data=data, optimizer={"lr": 5e-3},
        model={"init": {**LLAMA, "hidden_size": 64, "intermediate_size": 128}},
        train={"epochs": 12, "steps": None, "batch_tokens": 2048, "micro_batch": 2048, "checkpoint_every": 1000},
        evaluate={"every": 10},
    )  # fmt: skip
    before = assemble(from_mapping({**settings, "name": "before"}))
    before.loaded.module.save_pretrained(tmp_path / "before")
    before.loaded.processor.save_pretrained(tmp_path / "before")
    folder, _ = train(from_mapping(settings))
    records = [json.loads(line) for line in (folder.path / "records.jsonl").read_text().splitlines()]
    curve = [(r["step"], r["metrics"]) for r in records if r["kind"] == "evaluation"]
    shown = [f"{step}: {m.get('accuracy', m.get('good', 0) - m.get('bad', 0)):.3f}" for step, m in curve]
    found = accuracy(tmp_path, tmp_path / "before", held), accuracy(tmp_path, folder.model, held)
    record_property("printed", f"{kind} {found[0]:.2f} -> {found[1]:.2f}; held out by step {', '.join(shown)}")
    assert 0.3 < found[0] < 0.7 and found[1] > 0.9
