"""Classes, numbers, steps and ranks through the whole path, to a folder that transformers scores alike."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from tests import tiny
from tests.marked import WORDS, bert_tokenizer
from tests.sweeps import some
from tests.train.test_families import refusal
from tests.train.test_mlm import STILL
from whet.base.catalogue import model_source, tuner
from whet.base.config import from_mapping
from whet.base.errors import ModelError
from whet.cli.main import main
from whet.contracts.model import Head
from whet.evaluate.run import evaluate
from whet.generate.models import load_model
from whet.models.loading.context import BuildContext
from whet.models.loading.fill import filled
from whet.train.api import train

COMPARED = True  # every result with its model

NAMES = ("oak", "river", "bird")
TEXTS = [" ".join(WORDS[(i * i + 3 * j + i) % 20] for j in range(4 + i % 9)) for i in range(40)]


def is_there(text):
    return [name for name in NAMES if name in text.split()]


ROWS = {
    "single": [{"text": text, "label": (is_there(text) or ["none"])[0]} for text in TEXTS],
    "multi": [{"text": text, "label": is_there(text)} for text in TEXTS],
    "regression": [{"text": text, "label": len(text.split()) / 5} for text in TEXTS],
    "pair": [{"text": a, "text_pair": b, "label": int(len(a) > len(b))} for a, b in zip(TEXTS, TEXTS[::-1])],  # noqa: B905
    "tags": [{"tokens": t.split(), "tags": ["X" if w in NAMES else "O" for w in t.split()]} for t in TEXTS],
    "steps": [{"prompt": t, "completions": [t, t[:9]], "labels": [True, bool(i % 2)]} for i, t in enumerate(TEXTS)],
    "rank": [{"query": t[:9], "positive": t, "negatives": [TEXTS[i - 7], TEXTS[i - 3]]} for i, t in enumerate(TEXTS)],
}  # fmt: skip
SEQUENCE, TOKEN = "sequence-classification", "token-classification"
OBJECTIVES = {
    "single": SEQUENCE, "multi": {"kind": SEQUENCE, "problem": "multi"}, "tags": TOKEN, "steps": "process-reward",
    "regression": {"kind": SEQUENCE, "problem": "regression"}, "rank": "reranker", "pair": SEQUENCE,
}  # fmt: skip


def run_of(folder, name, case, model, **sections):
    data = {"train": [str(tiny.write_rows(folder / f"{case}.jsonl", ROWS[case]))], "held_out": 0.2}
    train_for = {"steps": 6, "checkpoint_every": 100, **sections.pop("train", {})}
    values = {"objective": OBJECTIVES[case], **sections, "data": data, "train": train_for}
    return from_mapping(tiny.config(folder, name=name, **values) | {"model": model})


def model_of(folder, family):
    if family == "llama":
        return tiny.config(folder)["model"]
    if family != "bert":
        return {"path": family}
    bert_tokenizer(folder / "words")
    return {"init": STILL, "tokenizer": str(folder / "words")}


def inputs(case, row):
    """What a user of the written model calls its tokenizer with."""
    if case == "rank":
        return [f"{row['query']}\n{text}" for text in [row["positive"], *row["negatives"]]]
    if case == "pair":
        return [(row["text"], row["text_pair"])]
    return [" ".join(row["tokens"]) if case == "tags" else row["text"]]


def theirs(folder, case, row, kind, load):
    """Scores of the first row by transformers alone."""
    from transformers import AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(folder), load(folder).eval()
    found = []
    for text in inputs(case, row):
        asked = (
            tokenizer(*text, return_tensors="pt") if isinstance(text, tuple) else tokenizer(text, return_tensors="pt")
        )
        with torch.no_grad():
            found.append(model(**asked).logits)
    return torch.cat([one.flatten(0, -2) for one in found]).numpy()


def ours(folder, case, rows):
    """Scores of the first row as `whet evaluate` gets them, and of which places they are."""
    from whet.contracts.reading import Classes, Tags, Together
    from whet.evaluate.scores import head, rows_of, samples_of, scores

    loaded = load_model(str(folder))
    own = head(loaded)
    problem = OBJECTIVES[case].get("problem", "single") if isinstance(OBJECTIVES[case], dict) else "single"
    reading = {"tags": Tags(own.labels, every=True), "rank": Together(own.notes.get("whet_template"))}.get(
        case, Classes(problem, own.labels)
    )
    samples = samples_of(loaded, reading, rows_of(str(rows), {"classified", "tagged", "retrieval"})[:1])
    found = scores(loaded, samples, "token_scores" if case == "tags" else "scores", 64)[0]
    return found, samples[0].weights > 0 if case == "tags" else slice(None)


CASES = [("llama", "single"), ("llama", "multi"), ("llama", "rank"), ("llama", "tags")]
CASES += [("bert", "regression"), ("bert", "pair"), ("bert", "tags"), ("bert", "rank")]
NOW = [("llama", "single"), ("bert", "regression"), ("bert", "tags")]


@pytest.mark.parametrize("family, case", some(CASES, NOW))
def test_transformers_scores_the_written_model_alike(tmp_path, family, case):
    from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification

    folder, ended = train(run_of(tmp_path, case, case, model_of(tmp_path, family)))
    assert ended.outcome == "done"
    assert json.loads((folder.model / "equivalence.json").read_text())["passed"]
    kind = AutoModelForTokenClassification if case == "tags" else AutoModelForSequenceClassification
    expected = theirs(folder.model, case, ROWS[case][0], case, kind.from_pretrained)
    found, places = ours(folder.model, case, tmp_path / f"{case}.jsonl")
    np.testing.assert_allclose(found, expected[places], rtol=1e-4, atol=1e-5)


def test_a_pipeline_names_the_classes_that_the_rows_name(tmp_path):
    from transformers import pipeline

    folder, _ = train(run_of(tmp_path, "named", "single", model_of(tmp_path, "llama"), train={"steps": 40}))
    classify = pipeline("text-classification", model=str(folder.model))
    found = [one["label"] for one in classify(TEXTS)]
    right = np.mean([a == row["label"] for a, row in zip(found, ROWS["single"], strict=True)])
    assert set(found) <= {"none", *NAMES}
    result = evaluate("classification", {"file": str(tmp_path / "single.jsonl")}, load_model(str(folder.model)))
    assert result.figures["accuracy"].value == pytest.approx(right)


@pytest.mark.slow
def test_steps_learn_whether_they_are_right(tmp_path):
    rows = [{"prompt": t, "completions": ["oak", "dog"], "labels": [True, False]} for t in TEXTS]
    path = str(tiny.write_rows(tmp_path / "right.jsonl", rows))
    run = tiny.config(tmp_path, name="steps", objective="process-reward", data={"train": [path]}, train={"steps": 30})
    folder, _ = train(from_mapping(run))
    result = evaluate("classification", {"file": path}, load_model(str(folder.model)))
    assert result.figures["accuracy"].value > 0.95 < result.figures["macro_f1"].value


@pytest.mark.parametrize(
    "family, case", some([("bert", "single"), ("llama", "rank"), ("bert", "tags")], [("llama", "rank")])
)
def test_peft_loads_an_adapter_with_its_head(tmp_path, family, case):
    from peft import AutoPeftModelForSequenceClassification, AutoPeftModelForTokenClassification

    language = "pretrain" if family == "llama" else "mlm"
    rows = str(tiny.write_rows(tmp_path / "text.jsonl", [{"text": text} for text in TEXTS]))
    base = tiny.config(tmp_path, name="base", objective=language, data={"train": [rows]}, train={"steps": 1})
    base, _ = train(from_mapping(base | {"model": model_of(tmp_path, family)}))
    tuned = run_of(tmp_path, "tuned", case, {"path": str(base.model)}, tuner={"kind": "lora", "rank": 2})
    folder, _ = train(tuned)
    assert json.loads((folder.model / "equivalence.json").read_text())["passed"]
    notices = [json.loads(line).get("text", "") for line in (folder.path / "records.jsonl").read_text().splitlines()]
    assert any("has no weights for" in text and "start at random" in text for text in notices)
    kind = AutoPeftModelForTokenClassification if case == "tags" else AutoPeftModelForSequenceClassification
    labels = json.loads((folder.model / "head.json").read_text())["labels"]
    assert f'{kind.__name__}.from_pretrained("PATH", id2label=' in (folder.model / "README.md").read_text()
    expected = theirs(
        folder.model,
        case,
        ROWS[case][0],
        case,
        lambda path: kind.from_pretrained(path, id2label=dict(enumerate(labels))),
    )
    found, places = ours(folder.model, case, tmp_path / f"{case}.jsonl")
    np.testing.assert_allclose(found, expected[places], rtol=1e-4, atol=1e-5)
    if case == "single":  # what was merged says the same
        assert main(["export", str(folder.model), "--output", str(tmp_path / "whole")]) == 0
        merged, _ = ours(tmp_path / "whole", case, tmp_path / f"{case}.jsonl")
        np.testing.assert_allclose(merged, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind, settings", [("freeze", {"last": 1}), ("llama-pro", {"blocks": 1})])
def test_tuners_of_parts_train_a_new_head(kind, settings):
    context = BuildContext(tuner=tuner.get(kind).build(**settings), head=Head("sequence", ("a", "b")))
    module = filled(model_source.get("hf").build(context, init={**tiny.LLAMA, "vocab_size": 90})).module
    trained = {name for name, parameter in module.named_parameters() if parameter.requires_grad}
    assert "score.weight" in trained and "model.embed_tokens.weight" not in trained


def test_virtual_tokens_hold_no_head():
    with pytest.raises(ModelError, match="virtual tokens cannot hold the head"):
        context = BuildContext(tuner=tuner.get("prompt").build(), head=Head("sequence", ("a", "b")))
        filled(model_source.get("hf").build(context, init={**tiny.LLAMA, "vocab_size": 90}))


def test_commands_that_make_no_sense_end_in_one_message(tmp_path, capsys):
    folder, _ = train(run_of(tmp_path, "none", "single", model_of(tmp_path, "llama"), train={"steps": 1}))
    model, rows = str(folder.model), str(tmp_path / "single.jsonl")
    assert main(["chat", model, "--prompt", "hi"]) == 2
    assert "does not generate text" in capsys.readouterr().err
    for task, says in (
        ("perplexity", "does not measure a LlamaForSequenceClassification"),
        ("regression", "gives classes, not numbers"),
        ("retrieval", "classes, not the relevance"),
    ):
        assert main(["evaluate", model, "--task", task, "--file", rows]) == 2
        assert says in capsys.readouterr().err


def test_what_cannot_be_is_refused_by_name(tmp_path):
    bert = model_of(tmp_path, "bert")
    given = {"model": bert, "data": {"train": [str(tiny.write_rows(tmp_path / "rows.jsonl", ROWS["steps"]))]}}
    assert "process-reward` trains a causal language model" in refusal(tmp_path, **given, objective="process-reward")
    both = {"kind": SEQUENCE, "attention": "bidirectional"}
    assert "an encoder's tokens see all of their text" in refusal(tmp_path, **given, objective=both)
