"""What a user sets in `train`, `evaluate` and `data` happens, through the whole path from config to model folder."""

from __future__ import annotations

import csv
import json
import random
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from tests.tiny import config, conversations, write_rows
from tests.train.conftest import loop_records, records_of
from whet.base.config import from_mapping
from whet.base.errors import ConfigError, DataError, ModelError, OutOfMemory, RunError, WhetError
from whet.base.sealed import sealed
from whet.parallel.norm import num_not_finite
from whet.train.api import resume, train
from whet.train.build import assemble
from whet.train.run.folder import RunFolder
from whet.train.step.executor import DataParallel


def of(records, kind):
    return [r for r in records if r["kind"] == kind]


def losses(records):
    return [r["metrics"]["loss"] for r in of(records, "step")]


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


@pytest.mark.slow
def test_compiled_layers_train_to_the_same_loss(ran, plain):
    compiled = losses(ran("compiled", train={"compile": True}))
    assert compiled == pytest.approx(plain, rel=1e-5)


def test_a_micro_batch_below_the_longest_sample_is_said_to_be_raised(trained):
    folder, records = trained("raised", train={"steps": 1, "micro_batch": 8})
    used = json.loads((folder / "resolved.json").read_text())["micro_batch"]
    assert f"train.micro_batch is 8, and the longest sample needs {used} tokens" in of(records, "notice")[0]["text"]


def test_out_of_memory_halves_the_micro_batch_and_does_the_step_again(ran, monkeypatch):
    expected = losses(ran("whole", train={"micro_batch": 120}))
    real, calls = DataParallel.step, []

    def step(executor, index, batches, weights, factor):
        calls.append(len(batches))
        if len(calls) == 3:
            raise torch.OutOfMemoryError("no memory")
        return real(executor, index, batches, weights, factor)

    monkeypatch.setattr(DataParallel, "step", step)
    records = ran("halved", train={"micro_batch": 120})
    assert losses(records) == pytest.approx(expected, rel=1e-5)
    said = of(records, "notice")[0]["text"]
    assert calls[3] > calls[2] and "micro-batches are now 60 tokens" in said
    assert "less memory with train.micro_batch=" in said and "at the peak" in said and "were planned" in said


def test_what_was_planned_lies_beside_what_was_measured(trained):
    folder, _ = trained("planned", train={"steps": 3})
    told = json.loads((folder / "plan.json").read_text())
    planned, measured = told["planned"], told["measured"]
    assert told["moment"] and planned["peak"] > planned["weights"] + planned["optimizer"] + planned["step"]
    for part in ("weights", "optimizer"):  # the state's counters apart
        assert measured[part] == pytest.approx(planned[part], rel=0.01)
    assert measured["peak"] > measured["weights"] + measured["optimizer"]


@pytest.mark.case("D")
def test_out_of_memory_that_no_smaller_micro_batch_mends_is_said_as_such(trained, monkeypatch):
    real = DataParallel.step

    def step(executor, index, batches, weights, factor):
        if index:
            raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes")
        return real(executor, index, batches, weights, factor)

    monkeypatch.setattr(DataParallel, "step", step)
    with pytest.raises(OutOfMemory, match="out of memory with micro-batches of") as told:
        trained("full", train={"micro_batch": 120})
    assert "train.recompute=true (" in told.value.hint and "at the peak" in told.value.hint


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


@pytest.mark.parametrize(("value", "said"), [(1e17, "not finite"), (float("nan"), "the run began with")])
def test_a_loss_that_is_not_finite_stops_the_run_before_the_update(tmp_path, value, said):
    built = assemble(from_mapping(config(tmp_path, name="nan")))
    with torch.no_grad():
        for parameter in built.loaded.module.parameters():
            parameter.fill_(value)
    ended = built.loop.run()
    assert ended.outcome == "failed" and said in ended.reason and ended.step == 0
    assert not list((tmp_path / "runs" / "nan" / "checkpoints").glob("step-*"))


def test_large_weights_are_not_taken_for_broken_ones(tmp_path):
    """Their squares are infinite in float32."""
    executor = assemble(from_mapping(config(tmp_path, name="large"))).loop.executor
    weights = list(executor.module.parameters())
    with torch.no_grad():
        weights[0].view(-1)[0], weights[1].view(-1)[0] = 1e25, -3e38
    assert num_not_finite(weights, executor.world) == 2 and executor.broken() == [] and executor._num_broken() == 0
    with torch.no_grad():
        weights[0].view(-1)[1], weights[2].view(-1)[0] = float("inf"), float("nan")
    assert len(executor.broken()) == executor._num_broken() == 2


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


def test_a_name_that_differs_in_capitals_alone_is_refused(tmp_path):
    (tmp_path / "runs" / "First").mkdir(parents=True)
    run = from_mapping(config(tmp_path, name="first")).run
    with pytest.raises(RunError, match="`first` and `First`") as told:
        RunFolder.refuse_taken(run)
    assert told.value.hint == "name=first-2"


def test_a_run_of_the_same_name_is_not_overwritten(trained):
    trained("once", train={"steps": 1})
    with pytest.raises(RunError, match="exists already") as error:
        trained("once", train={"steps": 1})
    assert "whet train" in error.value.hint


def test_a_finished_run_has_nothing_to_continue(trained):
    folder, _ = trained("over", train={"steps": 2})
    before = (folder / "model" / "model.safetensors").read_bytes()
    assert resume(folder)[1].step == 2
    assert (folder / "model" / "model.safetensors").read_bytes() == before


MISTAKES = {
    "no data": ({"data": []}, DataError, "nothing to train on"),
    "missing file": ({"data": ["none.jsonl"]}, DataError, "none.jsonl"),
    "not a model": ({"model": "/tmp"}, ModelError, "not a model"),
    "too long a sample": ({"data": {"max_length": 8}}, DataError, "8"),
    "length beyond the model": ({"data": {"max_length": 9999}}, WhetError, "256"),
    "tokens of a table": ({"train": {"batch_samples": 3, "batch_tokens": 3}}, WhetError, "only one"),
}


@pytest.mark.parametrize("sections, kind, says", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_error_at_the_door_and_leaves_no_run(tmp_path, sections, kind, says):
    with pytest.raises(kind) as error:
        train(from_mapping(config(tmp_path, name="wrong", **sections)))
    assert says in str(error.value) and error.value.hint
    assert not (tmp_path / "runs" / "wrong").exists()


def test_a_label_that_the_model_has_no_class_for_is_said(tmp_path):
    (tmp_path / "points.csv").write_text("x,y,label\n" + "1,2,0\n" * 20 + "3,4,2\n" * 20)
    settings = {
        "name": "table", "model": {"kind": "mlp", "features": 2, "classes": 2}, "objective": "classify",
        "data": str(tmp_path / "points.csv"), "train": {"epochs": 1}, "track": {"folder": str(tmp_path / "runs")},
    }  # fmt: skip
    with pytest.raises(DataError, match="label 2, and the model tells classes 0 to 1 apart") as error:
        train(from_mapping(settings))
    assert "model.classes=3" in error.value.hint


WIDTHS = {
    "too few": ("x,y,label\n" + "1,2,0\n" * 20, "are 2, and the model reads 3", "model.features=2"),
    "too many": ("x,y,z,w,label\n" + "1,2,3,4,0\n" * 20, "are 4, and the model reads 3", "model.features=4"),
}  # fmt: skip


@pytest.mark.parametrize("rows, says, hint", WIDTHS.values(), ids=WIDTHS)
def test_a_table_of_another_width_is_refused_before_a_weight_is_drawn(tmp_path, rows, says, hint):
    (tmp_path / "points.csv").write_text(rows)
    settings = {
        "name": "table", "model": {"kind": "mlp", "features": 3, "classes": 2}, "objective": "classify",
        "data": str(tmp_path / "points.csv"), "train": {"epochs": 1}, "track": {"folder": str(tmp_path / "runs")},
    }  # fmt: skip
    with pytest.raises(ConfigError, match=says) as error:
        assemble(from_mapping(settings))
    assert error.value.at == "model" and hint in error.value.hint


TABLE = {"model": {"kind": "mlp", "features": 2, "classes": 2}, "objective": "classify"}
DOOR = {
    "nothing to train": ({"tuner": {"kind": "freeze"}}, "tuner.last=2"),
    "no such GPU": ({"train": {"device": "cuda:99"}}, "train.device="),
    "no device": ({"train": {"device": "gpu"}}, "train.device=cpu"),
    "a name that is taken": ({"name": "taken"}, "whet train"),
    "early stop without a loss": ({"evaluate": {"early_stop": 2}}, "data.held_out=0.1"),
    "cadence of nothing": ({"evaluate": {"every": 2}}, "data.held_out=0.1"),
    "early stop at the end alone": (
        {"data": {"held_out": 0.2}, "evaluate": {"every": 0, "early_stop": 2}},
        "evaluate.every=10",
    ),
    "weight of held-out": ({"data": {"held_out": [{"path": __file__, "weight": 2}]}}, "data.held_out.0.weight=1"),
    "words for a table": ({**TABLE, "data": {"train_on": "all"}}, "data.train_on=assistant"),
    "prompts for a table": ({**TABLE, "evaluate": {"prompts": ["a"]}}, "evaluate.prompts=[]"),
    "tokens of a table": ({**TABLE, "train": {"batch_tokens": 64}}, "train.batch_samples=128"),
}


@pytest.mark.parametrize("sections, hint", DOOR.values(), ids=DOOR)
def test_what_must_fail_or_do_nothing_is_refused_before_data_is_read(tmp_path, monkeypatch, sections, hint):
    monkeypatch.setenv("WHET_CACHE", str(tmp_path / "cache"))
    (tmp_path / "runs" / "taken").mkdir(parents=True)
    (tmp_path / "runs" / "taken" / "config.yaml").touch()
    settings = config(tmp_path, **{"name": "wrong", **sections})
    settings["model"] = sections.get("model", settings["model"])
    with pytest.raises(WhetError) as error:
        train(from_mapping(settings))
    assert hint in error.value.hint
    assert not (tmp_path / "cache").exists() and not (tmp_path / "runs" / "wrong").exists()


def test_pairs_are_refused_by_name_with_what_they_are_for(tmp_path, shared_data):
    for name, word in (("dpo_en_demo", "preference"), ("kto_en_demo", "`kto`"), ("mllm_demo", "image")):
        data = str(shared_data / "instruct" / f"{name}.json")
        with pytest.raises(DataError, match=f"`objective: sft` learns from .*{word}"):
            train(from_mapping(config(tmp_path, name="wrong", data=[data])))


def test_rows_without_anything_to_learn_stop_the_run_with_the_ledger(tmp_path):
    rows = write_rows(
        tmp_path / "mixed.jsonl", [*conversations(5), *({"instruction": "a", "input": "", "output": ""},) * 5]
    )
    with pytest.raises(DataError, match="5 of 10"):
        train(from_mapping(config(tmp_path, name="wrong", data=[str(rows)])))
    folder, _ = train(from_mapping(config(tmp_path, name="allowed", data={"train": [str(rows)], "max_skipped": 0.5})))
    assert len(Path(folder.ledger).read_text().splitlines()) == 5
    told = [record["text"] for record in records_of(folder.path) if record["kind"] == "notice"]
    assert any("10 rows; 5 skipped (" in text and f"listed in {folder.ledger}" in text for text in told)
    data = {"held_out": [str(rows)], "max_skipped": 0.5}
    folder, _ = train(from_mapping(config(tmp_path, name="measured", data=data, train={"steps": 1})))
    assert len(Path(folder.ledger).read_text().splitlines()) == 5, "held-out rows are listed as well"
