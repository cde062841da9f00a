"""Masked language modelling through the whole loop, from scratch and from a checkpoint."""

from __future__ import annotations

import json
import random

import pytest
import torch

from tests import tiny
from tests.marked import WORDS, bert_tokenizer
from tests.ranks import on_ranks
from tests.train.conftest import loop_records
from tests.train.test_families import BERT, refusal
from tests.train.test_resume import losses, run_with_kills
from whet.base.config import from_mapping
from whet.base.errors import ModelError
from whet.train.api import train
from whet.train.build import assemble

COMPARED = True  # every result with its model

STILL = {**BERT, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}


def settings(folder, **sections):
    """A run of a tiny bert without dropout over 40 texts."""
    if not (folder / "words").exists():
        bert_tokenizer(folder / "words")
        texts = [" ".join(WORDS[(i * i + 3 * j) % 20] for j in range(4 + i % 30)) for i in range(40)]
        tiny.write_rows(folder / "text.jsonl", [{"text": text} for text in texts])
    model = sections.pop("model", {"init": STILL, "tokenizer": str(folder / "words")})
    data = {"train": [str(folder / "text.jsonl")], "held_out": 0.2, **sections.pop("data", {})}
    objective = sections.pop("objective", "mlm")
    return tiny.config(folder, data=data, objective=objective, **sections) | {"model": model}


def steps(folder, name, **sections):
    found = loop_records(folder, name, **settings(folder, **sections))
    return [(r["metrics"]["loss"], r["metrics"].get("grad_norm")) for r in found if r["kind"] in ("step", "evaluation")]


def test_a_measured_loss_is_that_of_transformers_own_forward_with_labels(tmp_path):
    built = assemble(from_mapping(settings(tmp_path)))
    found = []
    built.loop.evaluation(0, lambda record: found.append(record.metrics))
    step, total, count = built.supply.held_out.samples, 0.0, 0
    for i in range(len(step.lengths)):
        sample = step.fetch(i)
        labels = torch.tensor([t if w else -100 for t, w in zip(sample.targets.tolist(), sample.weights, strict=True)])
        ids = torch.tensor(sample.ids).long()
        own = built.loaded.module.eval()(input_ids=ids[None], labels=labels[None]).loss
        total, count = total + float(own) * int((labels >= 0).sum()), count + int((labels >= 0).sum())
    assert found[0]["loss"] == pytest.approx(total / count, rel=1e-5)
    assert found[0]["perplexity"] == pytest.approx(2.718281828 ** (total / count), rel=1e-4)


def test_steps_do_not_depend_on_the_micro_batch(tmp_path):
    small, large = (steps(tmp_path, f"m{n}", train={"micro_batch": n}) for n in (36, 128))
    assert len(small) > 6
    assert [a for a, _ in small] == pytest.approx([a for a, _ in large], rel=1e-5)
    assert [b for _, b in small if b] == pytest.approx([b for _, b in large if b], rel=1e-4)


def test_it_learns_and_writes_a_folder_that_transformers_loads(tmp_path):
    from transformers import AutoModelForMaskedLM, AutoTokenizer, pipeline

    folder, ended = train(from_mapping(settings(tmp_path, name="learned", train={"steps": 30})))
    assert ended.outcome == "done"
    found = [json.loads(line) for line in (folder.path / "records.jsonl").read_text().splitlines()]
    measured = [r["metrics"]["loss"] for r in found if r["kind"] == "evaluation"]
    assert measured[-1] < 0.9 * measured[0]
    assert json.loads((folder.model / "equivalence.json").read_text())["passed"]
    assert not (folder.model / "generation_config.json").exists()
    assert "fill-mask" in (folder.model / "README.md").read_text()
    model, words = AutoModelForMaskedLM.from_pretrained(folder.model), AutoTokenizer.from_pretrained(folder.model)
    guesses = pipeline("fill-mask", model=model, tokenizer=words)("tree [MASK] river")
    assert len(guesses) == 5


@pytest.mark.slow
def test_training_goes_on_from_what_was_written_also_with_lora(tmp_path):
    first, _ = train(from_mapping(settings(tmp_path, name="base", train={"steps": 2})))
    more = settings(tmp_path, name="more", model={"path": str(first.model)}, tuner={"kind": "lora", "rank": 2})
    folder, ended = train(from_mapping(more))
    assert ended.outcome == "done"
    assert (folder.model / "adapter_config.json").exists()
    assert json.loads((folder.model / "equivalence.json").read_text())["passed"]


@pytest.mark.slow
def test_a_killed_run_ends_with_the_loss_bits_of_one_that_never_was(tmp_path):
    train(from_mapping(settings(tmp_path, name="whole")))
    sections = settings(tmp_path)
    run_with_kills(tmp_path, "killed", random.Random(0), **{k: sections[k] for k in ("model", "data", "objective")})
    assert losses(tmp_path / "runs" / "killed") == losses(tmp_path / "runs" / "whole")


@pytest.mark.ranks
def test_two_ranks_train_as_one_does(tmp_path):
    expected = steps(tmp_path, "one", train={"device": "cpu"})
    for found in on_ranks(2, steps, tmp_path, "two"):
        assert [a for a, _ in found] == pytest.approx([a for a, _ in expected], rel=1e-5)
        assert [b for _, b in found if b] == pytest.approx([b for _, b in expected if b], rel=1e-4)


def test_what_cannot_be_is_refused_by_name(tmp_path):
    causal = refusal(tmp_path, objective="mlm")
    assert "`objective: mlm` trains an encoder, and llama is a causal language model" in causal
    whole = settings(tmp_path)
    given = {key: whole[key] for key in ("model", "data", "objective")}
    assert "`data.train_on` does nothing: `objective: mlm` takes raw text" in refusal(
        tmp_path, **given | {"data": {**given["data"], "train_on": "all"}}
    )
    assert "an encoder writes no answers" in refusal(tmp_path, **given, evaluate={"prompts": ["oak"]})
    shares = {"kind": "mlm", "mask_share": 0.8, "random_share": 0.3}
    assert "are more than all of the chosen tokens" in refusal(tmp_path, **given | {"objective": shares})
    with pytest.raises(ModelError, match="hides tokens behind a mask token, and the tokenizer .* has none"):
        model = {"init": BERT, "tokenizer": str(tmp_path / "tokenizer")}
        assemble(from_mapping(tiny.config(tmp_path, **given) | {"model": model}))
