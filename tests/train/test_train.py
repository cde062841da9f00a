"""What a user sets in `train`, `evaluate` and `data` happens, through the whole path from config to model folder."""

from __future__ import annotations

import csv
import json
import random
import time
from types import SimpleNamespace

import pytest
import torch

from tests.tiny import config
from tests.train.conftest import loop_records, losses, of, records_of
from whet.base.config import from_mapping
from whet.base.errors import WhetError
from whet.base.sealed import sealed
from whet.train.api import resume
from whet.train.build import assemble


def test_the_loss_falls_and_the_model_folder_loads_in_transformers(trained):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder, records = trained("plain", train={"steps": 30})
    assert losses(records)[-1] < 0.6 * losses(records)[0]
    model, tokenizer = (
        AutoModelForCausalLM.from_pretrained(folder / "model"),
        AutoTokenizer.from_pretrained(folder / "model"),
    )
    assert model.config.vocab_size == len(tokenizer) and tokenizer.chat_template


def test_the_micro_batch_changes_no_loss(ran):
    small = losses(ran("small", train={"micro_batch": 40}))
    large = losses(ran("large", train={"micro_batch": 1000}))
    assert small == pytest.approx(large, rel=1e-5) and small != large


def test_two_trainings_interleaved_step_by_step_are_the_two_alone(tmp_path):
    length = {"train": {"steps": 6, "checkpoint_every": 100}}
    sections = [{"seed": 1, **length}, {"seed": 2, "optimizer": {"lr": 3e-3}, **length}]
    alone = [losses(loop_records(tmp_path, f"alone-{n}", **section)) for n, section in enumerate(sections)]
    loops = [assemble(from_mapping(config(tmp_path, name=f"mixed-{n}", **s))) for n, s in enumerate(sections)]
    before = torch.random.get_rng_state()
    for _ in range(6):
        for built in loops:
            built.loop.advance(built.loop.source.next(built.loop.progress.step))
    assert torch.equal(before, torch.random.get_rng_state()), "training touched the default generator"
    for number, expected in enumerate(alone):
        assert len(expected) == 6 and losses(records_of(tmp_path / "runs" / f"mixed-{number}")) == expected


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The losses of a run with the settings as they come."""
    return losses(loop_records(tmp_path_factory.mktemp("plain"), "plain"))


@pytest.mark.parametrize(
    "settings", [{"recompute": True}, {"precision": "bf16"}, {"precision": "bf16-pure"}], ids=lambda s: next(iter(s))
)
def test_precision_and_recompute_train_to_nearly_the_same_loss(ran, plain, settings):
    other = losses(ran("other", train=settings))
    assert other == pytest.approx(plain, rel=1e-5 if "recompute" in settings else 0.05)
    if "precision" in settings:
        assert other != plain


def test_held_out_loss_and_answers_come_at_their_cadence(ran):
    evaluate = {"every": 5, "prompts": ["the quick"], "max_new_tokens": 4}
    records = ran("measured", data={"held_out": 0.2}, evaluate=evaluate, train={"steps": 12})
    assert [r["step"] for r in of(records, "evaluation")] == [5, 10, 12]
    assert of(records, "evaluation")[-1]["metrics"]["loss"] < of(records, "evaluation")[0]["metrics"]["loss"]
    assert [(r["step"], r["prompt"]) for r in of(records, "generation")] == [(s, "the quick") for s in (5, 10, 12)]


def test_a_run_that_measures_at_its_end_alone_does_so_once(ran):
    records = ran("once", data={"held_out": 0.2}, evaluate={"every": 0}, train={"steps": 3})
    assert [r["step"] for r in of(records, "evaluation")] == [3]


def test_a_stream_trains_and_resumes_like_one_that_was_not_broken(tmp_path, ran):
    expected = losses(ran("whole", data={"streaming": True}, train={"steps": 12}))
    built = assemble(from_mapping(config(tmp_path, name="broken", data={"streaming": True})))
    for _ in range(5):
        built.loop.advance(built.loop.source.next(built.loop.progress.step))
    built.close()
    assert resume(tmp_path / "runs" / "broken")[1].outcome == "done"
    lines = map(json.loads, (tmp_path / "runs" / "broken" / "records.jsonl").read_text().splitlines())
    assert {r["step"]: r["metrics"]["loss"] for r in of(lines, "step")} == dict(enumerate(expected, 1))
    with pytest.raises(WhetError, match="no known length"):
        ran("endless", data={"streaming": True}, train={"steps": None, "epochs": 1})


def test_answers_in_training_are_those_of_the_written_model_in_the_template_of_the_config(tmp_path, trained):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from whet.generate.decode import complete
    from whet.generate.protocol import GenerateSettings

    template = tmp_path / "own.jinja"
    template.write_text(
        "{% for m in messages %}{{ m.role }} says {% generation %}{{ m.content }}{{ eos_token }}{% endgeneration %}"
        "{% endfor %}{% if add_generation_prompt %}assistant says {% endif %}"
    )
    evaluate = {"prompts": ["the quick fox"], "max_new_tokens": 6}
    folder, records = trained("asked", data={"template": str(template)}, evaluate=evaluate, train={"steps": 3})
    tokenizer = AutoTokenizer.from_pretrained(folder / "model")
    ids = tokenizer.encode("user says the quick fox<|im_end|>assistant says ", add_special_tokens=False)
    model = AutoModelForCausalLM.from_pretrained(folder / "model")
    [expected] = complete(model, tokenizer, [ids], GenerateSettings(max_new_tokens=6))
    assert of(records, "generation")[-1]["text"] == expected.text


def test_a_short_run_writes_one_checkpoint_and_a_long_one_a_tenth_apart_or_more(tmp_path, trained, monkeypatch):
    folder, records = trained("short", train={"checkpoint_every": None})
    assert [r["step"] for r in of(records, "checkpoint")] == [12]
    resume(folder)
    assert (folder / "records.jsonl").read_text().count('"kind": "checkpoint"') == 1, "a finished run saved again"
    built = assemble(from_mapping(config(tmp_path, name="long", train={"checkpoint_every": None})))
    clock = SimpleNamespace(monotonic=lambda: 10.0 * built.loop.progress.step, perf_counter=time.perf_counter)
    monkeypatch.setattr("whet.train.loop.time", clock)
    built.loop._saved_at = 0.0
    assert built.loop.run().step == 12
    lines = (tmp_path / "runs" / "long" / "records.jsonl").read_text().splitlines()
    assert [r["step"] for r in of(map(json.loads, lines), "checkpoint")] == [4, 8, 12], "30 s and two of 12 steps apart"


def test_records_come_every_so_many_steps_and_at_the_end(ran):
    records = ran("sparse", track={"log_every": 5})
    assert [r["step"] for r in of(records, "step")] == [5, 6]


OFFLOADED = {"recompute": "selective", "offload": {"activations": True, "weights": True}}


@pytest.mark.slow
@pytest.mark.parametrize("beside", [{}, {"offload": {"activations": True, "optimizer": 1.0}}, OFFLOADED])
def test_compiled_layers_train_to_the_same_loss(ran, plain, beside):
    compiled = losses(ran(f"compiled {len(beside)} {'recompute' in beside}", train={"compile": True, **beside}))
    assert compiled == pytest.approx(plain, rel=1e-5)


def test_a_micro_batch_below_the_longest_sample_is_said_to_be_raised(trained):
    folder, records = trained("raised", train={"steps": 1, "micro_batch": 8})
    used = json.loads((folder / "resolved.json").read_text())["micro_batch"]
    assert f"train.micro_batch is 8, and the longest sample needs {used} tokens" in of(records, "notice")[0]["text"]


def test_what_was_planned_lies_beside_what_was_measured(trained):
    folder, _ = trained("planned", train={"steps": 3})
    told = json.loads((folder / "plan.json").read_text())
    planned, measured = told["planned"], told["measured"]
    assert told["moment"] and planned["peak"] > planned["weights"] + planned["optimizer"] + planned["step"]
    for part in ("weights", "optimizer"):  # the state's counters apart
        assert measured[part] == pytest.approx(planned[part], rel=0.01)
    assert measured["peak"] > measured["weights"] + measured["optimizer"]


def test_what_holds_only_in_expectation_or_to_rounding_is_said(trained):
    gpt2 = {"init": {"model_type": "gpt2", "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256}}
    folder, records = trained("noisy", model=gpt2, train={"steps": 2})
    assert any("dropout" in r["text"] for r in of(records, "notice"))
    pinned = json.loads((folder / "resolved.json").read_text())
    pinned["environment"]["torch"] = "1.0"
    (folder / "resolved.json").write_text(sealed({name: value for name, value in pinned.items() if name != "digest"}))
    resume(folder)
    assert "torch was 1.0" in (folder / "records.jsonl").read_text()


def test_early_stop_ends_a_run_that_no_longer_improves(trained):
    folder, records = trained(
        "stale",
        data={"held_out": 0.2},
        evaluate={"every": 1, "early_stop": 2},
        train={"steps": 40},
        optimizer={"lr": 1e-12},
    )
    assert of(records, "ended")[0]["outcome"] == "early_stop"
    assert len(of(records, "step")) < 40 and (folder / "model").exists()


def test_clip_bounds_the_update_and_zero_never_clips(ran):
    steps = {"steps": 12}
    free = losses(ran("free", train={"clip": 0, **steps}, optimizer={"kind": "sgd", "lr": 0.5}))
    bound = losses(ran("bound", train={"clip": 1e-3, **steps}, optimizer={"kind": "sgd", "lr": 0.5}))
    assert abs(bound[-1] - bound[0]) < 0.5 < abs(free[-1] - free[0])


def test_a_run_without_tokens_trains_resumes_and_is_tracked(tmp_path):
    """The seams hold for any model: a table of numbers, samples a step, no tokenizer."""
    rng, path = random.Random(0), tmp_path / "points.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["x", "y", "label"])
        for _ in range(400):
            x, y = rng.uniform(-1, 1), rng.uniform(-1, 1)
            rows.writerow([x, y, int(x * y > 0)])
    settings = {
        "name": "table", "model": {"kind": "mlp", "features": 2, "classes": 2, "hidden": [32]},
        "objective": "classify", "optimizer": {"lr": 0.03},
        "data": {"train": [str(path)], "held_out": 0.2},
        "train": {"epochs": 20, "batch_samples": 64},
        "track": {"folder": str(tmp_path / "runs"), "sinks": ["log", {"kind": "jsonl", "path": "own.jsonl"}]},
    }  # fmt: skip
    built = assemble(from_mapping(settings))
    for _ in range(7):
        built.loop.advance(built.loop.source.next(built.loop.progress.step))
    built.loop._checkpoint()
    built.close()
    _, ended = resume(tmp_path / "runs" / "table")
    assert ended.outcome == "done" and ended.step == 100
    records = [json.loads(line) for line in (tmp_path / "runs" / "table" / "own.jsonl").read_text().splitlines()]
    assert of(records, "evaluation")[-1]["metrics"]["accuracy"] > 0.9
    assert "perplexity" not in of(records, "evaluation")[-1]["metrics"] and of(records, "step")[-1]["tokens"] == 0
    assert losses(records)[6] != losses(records)[7]


def test_a_finished_run_has_nothing_to_continue(trained):
    folder, _ = trained("over", train={"steps": 2})
    before = (folder / "model" / "model.safetensors").read_bytes()
    assert resume(folder)[1].step == 2
    assert (folder / "model" / "model.safetensors").read_bytes() == before
