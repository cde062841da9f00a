"""Preferences through the whole path: pairs from a file, a reference, one loop, one model folder."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.tiny import LLAMA, config, conversations, sentence, write_rows
from tests.train.conftest import loop_records
from whet.base.config import from_mapping
from whet.base.errors import ConfigError, DataError, RunError
from whet.train.api import resume, train
from whet.train.build import assemble


def pairs(count):
    return [
        {"prompt": sentence(i, 3 + i % 5), "chosen": sentence(i + 1, 2 + i % 4), "rejected": sentence(i + 2, 1 + i % 6)}
        for i in range(count)
    ]


def demo(shared_data, name):
    """A whole file of LLaMA-Factory's; what the tiny model takes long for is skipped, and listed."""
    source = str(shared_data / "instruct" / f"{name}_en_demo.json")
    return {
        "model": {"init": {**LLAMA, "max_position_embeddings": 1024}},
        "data": {"train": [source], "held_out": 0.05, "truncation": "skip", "max_skipped": 1.0},
        "train": {"steps": 2, "batch_tokens": 2000},
    }


@pytest.fixture
def run(tmp_path, trained):
    """Train on pairs; gives the folder and the metrics of each step. A model is written where it is `whole`."""
    path = str(write_rows(tmp_path / "pairs.jsonl", pairs(24)))

    def go(name, objective, whole=False, **sections):
        data = {"train": [path], **sections.pop("data", {})}
        sections = {"train": {"steps": 6}, "optimizer": {"lr": 1e-3}, **sections}
        if whole:
            folder, records = trained(name, objective=objective, data=data, **sections)
        else:
            records = loop_records(tmp_path, name, objective=objective, data=data, **sections)
            folder = tmp_path / "runs" / name
        return folder, [r["metrics"] for r in records if r["kind"] == "step"], records

    return go


@pytest.mark.slow
def test_pairs_of_llama_factory_load_unedited_and_train(trained, shared_data):
    from transformers import AutoModelForCausalLM

    folder, records = trained("demo", objective="dpo", **demo(shared_data, "dpo"))
    first = next(r["metrics"] for r in records if r["kind"] == "step")
    assert first["loss"] == pytest.approx(0.6931, abs=1e-3)
    assert {"accuracy", "margin", "chosen", "rejected"} <= first.keys()
    measured = [r["metrics"] for r in records if r["kind"] == "evaluation"]
    assert measured and "accuracy" in measured[-1] and "perplexity" not in measured[-1]
    AutoModelForCausalLM.from_pretrained(folder / "model")


@pytest.mark.slow
def test_marked_replies_of_llama_factory_load_unedited_and_train(trained, shared_data):
    folder, records = trained("marks", objective="kto", **demo(shared_data, "kto"))
    steps = [r["metrics"] for r in records if r["kind"] == "step"]
    assert steps[0]["loss"] == pytest.approx(0.5, abs=1e-3) and "baseline" in steps[1]
    assert json.loads((folder / "resolved.json").read_text())["reference"] == "copy"


def test_a_pair_counts_as_one_good_and_one_bad_reply(run):
    folder, metrics, records = run("unpaired", "kto", train={"epochs": 6, "steps": None})
    facts = next(r["facts"] for r in records if r["kind"] == "started")
    assert facts["samples"] == 2 * 24 and (folder / "reference.npz").exists()
    assert metrics[-1]["loss"] < metrics[0]["loss"]
    with pytest.raises(ConfigError, match="far apart"):
        run("streamed", "kto", data={"streaming": True})


@pytest.mark.slow
def test_adapters_switched_off_are_the_reference_of_a_fresh_adapter(tmp_path, run):
    base, _, _ = run(
        "base", "sft", whole=True, data={"train": [str(write_rows(tmp_path / "sft.jsonl", conversations(4)))]}
    )
    own = {"kind": "lora", "rank": 4}
    run = partial(run, tuner=own, model={"path": str(base / "model"), "init": None, "tokenizer": None})
    folder, off, _ = run("off", "dpo")
    assert json.loads((folder / "resolved.json").read_text())["reference"] == "adapters"
    _, copied, _ = run("copied", {"kind": "dpo", "reference": "copy"})
    for mine, other in zip(off, copied, strict=True):
        assert mine["loss"] == pytest.approx(other["loss"], rel=1e-5)
    assert off[-1]["loss"] != off[0]["loss"]


def test_a_copy_and_stored_log_probabilities_are_one_reference(run):
    _, copied, _ = run("copied", {"kind": "dpo", "reference": "copy"})
    folder, stored, _ = run("stored", {"kind": "dpo", "reference": "stored"})
    for mine, other in zip(stored, copied, strict=True):
        assert mine["loss"] == pytest.approx(other["loss"], rel=1e-5)
        assert mine["grad_norm"] == pytest.approx(other["grad_norm"], rel=1e-4)
    assert copied[-1]["loss"] < 0.6925 and (folder / "reference.npz").exists()


def test_auto_stores_where_the_data_is_seen_whole_and_copies_where_not(run):
    whole, _, _ = run("whole", "dpo", train={"epochs": 1, "steps": None})
    part, _, _ = run("part", "dpo", train={"steps": 1, "batch_tokens": 64})
    streamed, _, _ = run("streamed", "dpo", data={"streaming": True})
    found = [json.loads((folder / "resolved.json").read_text())["reference"] for folder in (whole, part, streamed)]
    assert found == ["stored", "copy", "copy"]


@pytest.mark.parametrize("way", [pytest.param("copy", marks=pytest.mark.slow), "stored"])
def test_a_broken_run_goes_on_with_the_reference_it_began_with(tmp_path, run, way):
    _, expected, _ = run("unbroken", {"kind": "dpo", "reference": way})
    settings = config(
        tmp_path, name="broken", objective={"kind": "dpo", "reference": way},
        data={"train": [str(tmp_path / "pairs.jsonl")]}, train={"steps": 6}, optimizer={"lr": 1e-3},
    )  # fmt: skip
    built = assemble(from_mapping(settings))
    for _ in range(4):
        built.loop.advance(built.loop.source.next(built.loop.progress.step))
    built.close()
    folder, _ = resume(Path(tmp_path / "runs" / "broken"))
    records = map(json.loads, (folder.path / "records.jsonl").read_text().splitlines())
    losses = {r["step"]: r["metrics"]["loss"] for r in records if r["kind"] == "step"}
    assert losses == {i: metrics["loss"] for i, metrics in enumerate(expected, 1)}


def test_stored_log_probabilities_that_are_lost_stop_a_run_that_has_begun(tmp_path, run):
    folder, _, _ = run("lost", {"kind": "dpo", "reference": "stored"})
    (folder / "reference.npz").unlink()
    with pytest.raises(RunError, match="missing") as error:
        resume(folder)
    assert "copy" in error.value.hint


@pytest.mark.case("A10")
def test_stored_log_probabilities_of_another_run_stop_a_run_that_has_begun(tmp_path, run):
    """An archive with checksums that are right, of the same shape, and with other numbers."""
    folder, _, _ = run("other", {"kind": "dpo", "reference": "stored"})
    with np.load(folder / "reference.npz") as stored:
        arrays = {name: stored[name] + 1 for name in stored.files}
    np.savez(folder / "reference.npz", **arrays)
    with pytest.raises(RunError, match="not as it was written") as error:
        resume(folder)
    assert "copy" in error.value.hint


def test_the_micro_batch_is_measured_with_pairs(run):
    folder, metrics, _ = run("auto", {"kind": "dpo", "sft": 0.1}, train={"steps": 1, "micro_batch": "auto"})
    assert json.loads((folder / "resolved.json").read_text())["micro_batch"] >= 64 and metrics[0]["sft"] > 0


MISTAKES = {
    "conversations for dpo": ({"objective": "dpo"}, DataError, "preference pairs"),
    "all tokens": ({"objective": "dpo", "data": {"train_on": "all"}}, ConfigError, "train_on"),
    "no adapters": ({"objective": {"kind": "dpo", "reference": "adapters"}}, ConfigError, "adapters"),
    "stored stream": (
        {"objective": {"kind": "dpo", "reference": "stored"}, "data": {"streaming": True}}, ConfigError, "stream",
    ),
}  # fmt: skip


@pytest.mark.parametrize("sections, kind, says", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_error_at_the_door(tmp_path, sections, kind, says):
    rows = conversations(5) if says == "preference pairs" else pairs(5)
    data = {"train": [str(write_rows(tmp_path / "data.jsonl", rows))], **sections.pop("data", {})}
    with pytest.raises(kind, match=says) as error:
        train(from_mapping(config(tmp_path, name="wrong", data=data, **sections)))
    assert error.value.hint
