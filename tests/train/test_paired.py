"""Encoder-decoders through the whole loop: fine-tuned on pairs, and pre-trained on corrupted spans."""

from __future__ import annotations

import json
import random

import pytest
import torch

from tests import tiny
from tests.marked import WORDS, bert_tokenizer, t5_tokenizer
from tests.ranks import on_ranks
from tests.train.conftest import loop_records
from tests.train.test_families import refusal
from tests.train.test_resume import losses, run_with_kills
from whet.base.config import from_mapping
from whet.base.errors import ConfigError, ModelError
from whet.cli.main import main
from whet.evaluate.run import evaluate
from whet.generate.models import load_model
from whet.train.api import train
from whet.train.build import assemble

COMPARED = True  # every result with its model

T5 = {
    "model_type": "t5", "d_model": 32, "d_ff": 64, "d_kv": 8, "num_layers": 2, "num_heads": 4, "dropout_rate": 0.0,
}  # fmt: skip
SPANS = {"objective": "span-corruption", "data": {"max_length": 24}}


def phrase(seed: int, length: int) -> str:
    return " ".join(WORDS[(seed * seed + 3 * j) % 20] for j in range(length))


def settings(folder, **sections):
    """A run of a tiny T5 over 40 rows: pairs to copy, or raw text."""
    if not (folder / "words").exists():
        t5_tokenizer(folder / "words")
        tiny.write_rows(folder / "text.jsonl", [{"text": phrase(i, 4 + i % 30)} for i in range(40)])
        tiny.write_rows(folder / "pairs.jsonl", [{"prompt": p, "completion": p} for p in map(copied, range(40))])
    model = sections.pop("model", {"init": T5, "tokenizer": str(folder / "words")})
    asked = sections.pop("objective", "sft")
    name = "text" if "span" in str(asked) else "pairs"
    data = {"train": [str(folder / f"{name}.jsonl")], "held_out": 0.2, **sections.pop("data", {})}
    return tiny.config(folder, data=data, objective=asked, **sections) | {"model": model}


def copied(number: int) -> str:
    return phrase(number, 2 + number % 5)


def steps(folder, name, **sections):
    found = loop_records(folder, name, **settings(folder, **sections))
    return [(r["metrics"]["loss"], r["metrics"].get("grad_norm")) for r in found if r["kind"] in ("step", "evaluation")]


@pytest.mark.parametrize("sections", [{}, SPANS], ids=["pairs", "spans"])
def test_a_measured_loss_is_that_of_transformers_own_forward_with_labels(tmp_path, sections):
    built = assemble(from_mapping(settings(tmp_path, **sections)))
    found = []
    built.loop.evaluation(0, lambda record: found.append(record.metrics))
    step, total, count = built.supply.held_out.samples, 0.0, 0
    for i in range(len(step.lengths)):
        sample = step.fetch(i)
        labels = torch.tensor(sample.streams["target"].ids).long()
        own = built.loaded.module.eval()(input_ids=torch.tensor(sample.ids).long()[None], labels=labels[None]).loss
        total, count = total + own.item() * len(labels), count + len(labels)
    assert found[0]["loss"] == pytest.approx(total / count, rel=1e-5)


ENTROPY = {"objective": {"kind": "sft", "weighting": "entropy"}}


@pytest.mark.slow  # tests/objectives splits a step in any way, test_mlm has an encoder
@pytest.mark.parametrize(
    "sections",
    [{}, SPANS, ENTROPY],
    ids=["pairs", "spans", "entropy"],
)
def test_steps_do_not_depend_on_the_micro_batch(tmp_path, sections):
    small, large = (steps(tmp_path, f"m{n}", train={"micro_batch": n}, **sections)[:7] for n in (48, 256))
    assert [a for a, _ in small] == pytest.approx([a for a, _ in large], rel=1e-5)
    assert [b for _, b in small if b] == pytest.approx([b for _, b in large if b], rel=1e-3)


@pytest.mark.slow
def test_it_learns_to_copy_and_writes_a_folder_that_answers_in_transformers(tmp_path):
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    trained = settings(
        tmp_path, name="learned", train={"steps": 60}, optimizer={"kind": "adamw", "lr": 0.01},
        evaluate={"prompts": [copied(3)]},
    )  # fmt: skip
    folder, ended = train(from_mapping(trained))
    assert ended.outcome == "done"
    assert json.loads((folder.model / "equivalence.json").read_text())["passed"]
    assert "text2text-generation" in (folder.model / "README.md").read_text()
    found = [json.loads(line) for line in (folder.path / "records.jsonl").read_text().splitlines()]
    measured = [r["metrics"]["loss"] for r in found if r["kind"] == "evaluation"]
    assert measured[-1] < 0.3 * measured[0]
    words, model = AutoTokenizer.from_pretrained(folder.model), AutoModelForSeq2SeqLM.from_pretrained(folder.model)
    answers = model.generate(**words([copied(n) for n in range(8)], return_tensors="pt", padding=True))
    right = [words.decode(a, skip_special_tokens=True) == copied(n) for n, a in enumerate(answers)]
    assert sum(right) >= 6
    check_measured(tmp_path, folder.model, model, words)


def check_measured(folder, path, model, words):
    """`whet evaluate` gives transformers' own mean loss, and no figure that an encoder-decoder has none of."""
    loaded = load_model(str(path))
    found = evaluate("loss", {"file": str(folder / "pairs.jsonl")}, loaded).figures["loss"].value
    total, count = 0.0, 0
    for number in range(40):
        given = words(copied(number), text_target=copied(number), return_tensors="pt")
        count += given["labels"].numel()
        total += model(**given).loss.item() * given["labels"].numel()
    assert found == pytest.approx(total / count, rel=1e-4)
    with pytest.raises(ModelError, match="measures a causal language model, and the model is an encoder-decoder"):
        evaluate("perplexity", {"file": str(folder / "text.jsonl")}, loaded)
    shown = main(["data", "inspect", str(folder / "pairs.jsonl"), "--model", str(path), "--rows", "1"])
    assert shown == 0
    assert main(["data", "inspect", "x.jsonl", "--model", str(path), "--train-on", "all"]) == 2


@pytest.mark.slow
def test_training_goes_on_from_what_was_written_with_lora(tmp_path):
    first, _ = train(from_mapping(settings(tmp_path, name="base", train={"steps": 2}, **SPANS)))
    more = settings(tmp_path, name="more", model={"path": str(first.model)}, tuner={"kind": "lora", "rank": 2})
    folder, ended = train(from_mapping(more))
    assert ended.outcome == "done" and (folder.model / "adapter_config.json").exists()
    assert json.loads((folder.model / "equivalence.json").read_text())["passed"]


@pytest.mark.slow  # as those of test_resume and of tests/fuzz/test_kills
@pytest.mark.parametrize("sections", [{}, SPANS], ids=["pairs", "spans"])
def test_a_killed_run_ends_with_the_loss_bits_of_one_that_never_was(tmp_path, sections):
    train(from_mapping(settings(tmp_path, name="whole", **sections)))
    own = settings(tmp_path, **sections)
    run_with_kills(tmp_path, "killed", random.Random(0), **{k: own[k] for k in ("model", "data", "objective")})
    assert losses(tmp_path / "runs" / "killed") == losses(tmp_path / "runs" / "whole")


@pytest.mark.ranks
@pytest.mark.slow
def test_two_ranks_train_as_one_does(tmp_path):
    sections = {**SPANS, "objective": {"kind": "span-corruption", "denoisers": "ul2"}}
    expected = steps(tmp_path, "one", train={"device": "cpu"}, **sections)
    for found in on_ranks(2, steps_of_ul2, tmp_path):
        assert [a for a, _ in found] == pytest.approx([a for a, _ in expected], rel=1e-5)
        assert [b for _, b in found if b] == pytest.approx([b for _, b in expected if b], rel=1e-4)


def steps_of_ul2(folder):
    return steps(folder, "two", **{**SPANS, "objective": {"kind": "span-corruption", "denoisers": "ul2"}})


def test_what_cannot_be_is_refused_by_name(tmp_path):
    whole = settings(tmp_path)
    given = {key: whole[key] for key in ("model", "data", "objective")}
    assert "an encoder-decoder reads a question as it is" in refusal(
        tmp_path, **given | {"data": {**given["data"], "train_on": "all"}}
    )
    assert "train.neftune" in refusal(tmp_path, **given, train={"neftune": 5.0})
    dpo = refusal(tmp_path, **given | {"objective": "dpo"})
    assert "`objective: dpo` trains a causal language model, and t5 is an encoder-decoder" in dpo
    spans = {"kind": "span-corruption"}
    assert "has rates and spans of its own" in refusal(
        tmp_path, **given | {"objective": {**spans, "denoisers": "ul2", "rate": 0.3}}
    )
    assert "`modes` are three tokens" in refusal(tmp_path, **given | {"objective": {**spans, "modes": ["oak"]}})
    raw = {**given["data"], "max_length": 24, "train": [str(tmp_path / "text.jsonl")]}
    modes = {**spans, "denoisers": "ul2", "modes": ["<r>", "<s>", "<x>"]}
    with pytest.raises(ConfigError, match="`<r>` is no token"):
        assemble(from_mapping(tiny.config(tmp_path, **given | {"objective": modes, "data": raw})))
    model = {"init": T5, "tokenizer": str(bert_tokenizer(tmp_path / "bert").name_or_path or tmp_path / "bert")}
    with pytest.raises(ModelError, match="hides spans behind sentinels"):
        assemble(from_mapping(tiny.config(tmp_path, **given | {"objective": spans, "data": raw}) | {"model": model}))
