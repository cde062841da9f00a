"""A mistake is one error at the door, and leaves neither a run nor a cache."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiny import config, conversations, write_rows
from tests.train.conftest import records_of
from whet.base.config import from_mapping
from whet.base.errors import ConfigError, DataError, ModelError, RunError, WhetError
from whet.train.api import train
from whet.train.build import assemble
from whet.train.run.folder import RunFolder


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


MISTAKES = {
    "no data": ({"data": []}, DataError, "nothing to train on"),
    "missing file": ({"data": ["none.jsonl"]}, DataError, "none.jsonl"),
    "not a model": ({"model": str(Path(__file__).parent)}, ModelError, "not a model"),
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
