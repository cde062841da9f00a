"""Embeddings through the whole path: rows from a file, one loop, a folder that transformers embeds equally with."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tests.tiny import config, conversations, sentence, write_rows
from whet.base.config import from_mapping
from whet.base.errors import ConfigError, DataError
from whet.evaluate.run import evaluate
from whet.generate.models import load_model
from whet.train.api import resume, train
from whet.train.build import assemble


def triples(count):
    """Queries with a document, and no, one or two hard negatives."""
    return [
        {
            "query": sentence(i, 2 + i % 3),
            "positive": sentence(i + 40, 3 + i % 5),
            "negatives": [sentence(i + 80 + n, 4) for n in range(i % 3)],
        }
        for i in range(count)
    ]


def run_of(folder, name, rows, objective="embedding", **sections):
    data = {"train": [str(write_rows(folder / "texts.jsonl", rows))], **sections.pop("data", {})}
    return from_mapping(config(folder, name=name, objective=objective, data=data, **sections))


def metrics_of(folder, kind="step"):
    records = map(json.loads, (folder / "records.jsonl").read_text().splitlines())
    return [r["metrics"] for r in records if r["kind"] == kind]


def test_a_trained_model_gives_equal_embeddings_in_transformers(tmp_path):
    from transformers import AutoModel, AutoTokenizer

    objective = {
        "kind": "embedding", "query_prompt": "find: ", "matryoshka": [8], "attention": "bidirectional",
        "pool_prompt": False,
    }  # fmt: skip
    how = {"train": {"steps": 20, "micro_batch": 40}, "data": {"held_out": 0.2}}
    folder, ended = train(run_of(tmp_path, "embed", triples(30), objective, **how))
    metrics = metrics_of(folder.path)
    assert ended.outcome == "done" and metrics[-1]["loss"] < metrics[0]["loss"]
    assert {"full", "dim8", "accuracy", "gap"} <= metrics[0].keys()
    assert "accuracy" in metrics_of(folder.path, "evaluation")[-1]
    assert "AutoModel." in (folder.model / "README.md").read_text()
    model, tokenizer = AutoModel.from_pretrained(folder.model), AutoTokenizer.from_pretrained(folder.model)
    assert json.loads((folder.model / "config_sentence_transformers.json").read_text())["prompts"]["query"] == "find: "
    built = assemble(run_of(tmp_path, "again", triples(30), objective, model={"path": str(folder.model), "init": None}))
    from whet.data.order.collate import collate
    from whet.objectives.pooling import embeddings

    sample = built.feed.data["train"][0]
    ours = embeddings(built.loaded.model, collate([sample]), built.loop.executor.objective.embedder)
    row = triples(30)[int(sample.origin.row)]
    theirs = []
    for text, prompt in [("find: " + row["query"], "find: "), *((t, "") for t in [row["positive"], *row["negatives"]])]:
        hidden = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
        theirs.append(hidden[len(tokenizer(prompt)["input_ids"]) if prompt else 0 :].mean(0))
    torch.testing.assert_close(ours, torch.stack(theirs), rtol=1e-5, atol=1e-5)


def test_sentence_transformers_makes_the_same_embeddings(tmp_path):
    package = pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")
    for pooling in ("mean", "last"):
        objective = {"kind": "embedding", "pooling": pooling, "query_prompt": "find: "}
        folder, _ = train(run_of(tmp_path, pooling, triples(12), objective, train={"steps": 2}))
        theirs = package.SentenceTransformer(str(folder.model), device="cpu")
        texts = [row["query"] for row in triples(12)]
        found = theirs.encode(texts, prompt_name="query", convert_to_tensor=True)
        from whet.evaluate.embed import embed
        from whet.models.sentence_transformers import read_sentence

        ours = embed(load_model(str(folder.model)), read_sentence(folder.model), texts, "query")
        np.testing.assert_allclose(ours, F.normalize(found, dim=-1).numpy(), rtol=1e-5, atol=1e-6)


def test_evaluation_finds_documents_as_embeddings_of_transformers_do(tmp_path):
    from transformers import AutoModel, AutoTokenizer

    rows = triples(16)
    folder, _ = train(run_of(tmp_path, "found", rows, train={"steps": 3, "micro_batch": "auto"}))
    assert json.loads((folder.path / "resolved.json").read_text())["micro_batch"] > 0
    model, tokenizer = AutoModel.from_pretrained(folder.model), AutoTokenizer.from_pretrained(folder.model)

    def embedded(texts):
        hidden = [model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].mean(0) for text in texts]
        return F.normalize(torch.stack(hidden), dim=-1).detach()

    documents = list(dict.fromkeys(text for row in rows for text in [row["positive"], *row["negatives"]]))
    near = embedded([row["query"] for row in rows]) @ embedded(documents).T
    right = [{documents.index(r["positive"]) for r in rows if r["query"] == row["query"]} for row in rows]
    firsts = {row["query"]: int(near[i].argmax()) in right[i] for i, row in enumerate(rows)}
    loaded = load_model(str(folder.model))
    found = evaluate("retrieval", {"file": str(tmp_path / "texts.jsonl"), "k": (1, 99)}, loaded).figures
    shares = [len({int(near[i].argmax())} & right[i]) / len(right[i]) for i in range(len(rows))]
    expected = {row["query"]: share for row, share in zip(rows, shares, strict=True)}
    assert found["recall@1"].value == pytest.approx(np.mean(list(expected.values())))
    assert found["recall@99"].value == 1 and found["mrr"].value >= np.mean(list(firsts.values()))
    pairs = [{"sentence1": r["query"], "sentence2": r["positive"], "score": i % 3} for i, r in enumerate(rows)]
    cosines = (embedded([r["query"] for r in rows]) * embedded([r["positive"] for r in rows])).sum(1)
    path = str(write_rows(tmp_path / "pairs.jsonl", pairs))
    pearson = np.corrcoef(cosines, [pair["score"] for pair in pairs])[0, 1]
    assert evaluate("similarity", {"file": path}, loaded).figures["pearson"].value == pytest.approx(pearson, abs=1e-4)


@pytest.mark.slow
def test_an_adapter_makes_embeddings_of_its_base(tmp_path):
    from peft import AutoPeftModelForFeatureExtraction
    from transformers import AutoTokenizer

    from whet.evaluate.embed import embed
    from whet.models.sentence_transformers import read_sentence

    base, _ = train(run_of(tmp_path, "base", conversations(20), "sft", train={"steps": 1}))
    rows, model = triples(12), {"path": str(base.model), "init": None}
    folder, _ = train(run_of(tmp_path, "tuned", rows, model=model, tuner={"kind": "lora", "rank": 2}))
    ours = embed(load_model(str(folder.model)), read_sentence(folder.model), [row["query"] for row in rows], "query")
    theirs = AutoPeftModelForFeatureExtraction.from_pretrained(folder.model)
    tokenizer = AutoTokenizer.from_pretrained(folder.model)
    hidden = [theirs(**tokenizer(r["query"], return_tensors="pt")).last_hidden_state[0].mean(0) for r in rows]
    np.testing.assert_allclose(ours, F.normalize(torch.stack(hidden), dim=-1).detach().numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.slow  # as those of test_resume and of test_adapters
def test_a_broken_run_goes_on_bit_for_bit(tmp_path):
    how = {"train": {"steps": 6, "micro_batch": 30, "checkpoint_every": 2}, "objective": "embedding"}
    whole, _ = train(run_of(tmp_path, "whole", triples(24), **how))
    built = assemble(run_of(tmp_path, "broken", triples(24), **how))
    for _ in range(5):
        built.loop.advance(built.loop.source.next(built.loop.progress.step))
    built.close()
    folder, _ = resume(Path(tmp_path / "runs" / "broken"))
    assert metrics_of(folder.path)[-2:] == metrics_of(whole.path)[-2:]


def test_the_loss_does_not_depend_on_the_micro_batch(tmp_path):
    found = []
    for micro_batch in (30, 64, 1000):
        size = {"steps": 4, "micro_batch": micro_batch}
        built = assemble(run_of(tmp_path, f"m{micro_batch}", triples(24), train=size))
        built.loop.run()
        found.append([m[key] for m in metrics_of(built.folder.path) for key in ("loss", "grad_norm")])
    assert found[0] == pytest.approx(found[2], rel=1e-5) and found[1] == pytest.approx(found[2], rel=1e-5)


@pytest.mark.slow
def test_sentence_pairs_learn_their_scores(tmp_path):
    rows = [{"sentence1": sentence(i, 4), "sentence2": sentence(i + i % 2, 4), "score": 1.0 - i % 2} for i in range(40)]
    for loss in ("cosent", "cosine"):
        how = {"train": {"steps": 25, "checkpoint_every": 100}}
        built = assemble(run_of(tmp_path, loss, rows, {"kind": "similarity", "loss": loss}, **how))
        built.loop.run()
        metrics = metrics_of(built.folder.path)
        assert metrics[-1]["loss"] < 0.8 * metrics[0]["loss"]


MISTAKES = {
    "no pairs": (conversations(4), "embedding", {}, DataError, "queries with.*conversations"),
    "pairs for similarity": (triples(4), "similarity", {}, DataError, "queries with documents.*`embedding`"),
    "long": (triples(4), "embedding", {"data": {"max_length": 4}}, DataError, "tokens"),
    "template": (triples(4), "embedding", {"data": {"train_on": "all"}}, ConfigError, "train_on"),
    "noise": (triples(4), "embedding", {"train": {"neftune": 5}}, ConfigError, "twice"),
    "prompts": (triples(4), "embedding", {"evaluate": {"prompts": ["a"]}}, ConfigError, "answers"),
    "pooled prompt": (
        triples(4), {"kind": "embedding", "pooling": "last", "pool_prompt": False}, {}, ConfigError, "pool_prompt",
    ),
    "empty": ([{"query": " ", "positive": "a"}] * 4, "embedding", {}, DataError, "empty"),
    "both": ([{"query": "a", "pos": "b", "neg": "b"}] * 4, "embedding", {}, DataError, "positive and negative"),
}  # fmt: skip


@pytest.mark.parametrize("rows, objective, sections, kind, says", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_error_at_the_door(tmp_path, rows, objective, sections, kind, says):
    with pytest.raises(kind, match=says) as error:
        train(run_of(tmp_path, "wrong", rows, objective, **sections))
    assert error.value.hint


def test_long_texts_are_cut_as_the_tokenizer_cuts_them_and_listed(tmp_path):
    how = {"data": {"max_length": 4, "truncation": "cut"}, "train": {"steps": 1}}
    built = assemble(run_of(tmp_path, "cut", triples(6), **how))
    entries = [json.loads(line) for line in built.folder.ledger.read_text().splitlines()]
    assert entries and {(e["action"], e["reason"]) for e in entries} == {("truncated", "too_long")}
