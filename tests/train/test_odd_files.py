"""A pipe in the place of a file of a run's folder is said before anything is done."""

from __future__ import annotations

import os

import pytest

from tests.fuzz.tried import limited
from tests.tiny import config
from whet.base.config import from_mapping
from whet.base.errors import RunError
from whet.train.api import resume, train


@pytest.mark.case("D")
@pytest.mark.parametrize("name", ["records.jsonl", "ledger.jsonl.part", "controls"])
def test_a_new_run_does_not_wait_for_a_pipe_that_lies_in_its_folder(tmp_path, name):
    folder = tmp_path / "runs/new"
    folder.mkdir(parents=True)
    os.mkfifo(folder / name)
    with limited(60), pytest.raises(RunError, match=f"`{name}` is a pipe") as told:
        train(from_mapping(config(tmp_path, name="new", train={"steps": 1})))
    assert f"rm {folder / name}" in told.value.hint


@pytest.mark.case("D")
def test_a_run_that_goes_on_waits_for_none(tmp_path):
    folder, _ = train(from_mapping(config(tmp_path, name="run", train={"steps": 2, "checkpoint_every": 1})))
    newest = max(folder.checkpoints.glob("step-*"))
    (newest / ".metadata").unlink()
    os.mkfifo(newest / ".metadata")
    with limited(60):
        resume(folder.path)
    told = (folder.path / "records.jsonl").read_text()
    assert f"step {int(newest.name[5:])} is damaged (`.metadata` is a pipe" in told
    (folder.path / "records.jsonl").unlink()
    os.mkfifo(folder.path / "records.jsonl")
    with limited(60), pytest.raises(RunError, match=r"`records.jsonl` is a pipe"):
        resume(folder.path)


@pytest.mark.case("D")
def test_what_lies_in_the_place_of_something_of_another_kind_is_said_before_anything_is_done(tmp_path):
    """Some of it the run would only stumble over at its end, when its model is to be written."""
    for number, name in enumerate(("checkpoints/latest", "controls", "ledger.jsonl", "track", "exports", "model")):
        folder = tmp_path / f"runs/new-{number}"
        (folder / name).parent.mkdir(parents=True)
        if name in ("track", "exports", "model"):
            (folder / name).write_text("")
        else:
            (folder / name).mkdir()
        with pytest.raises(RunError, match=f"`{name}` is a f") as told:
            train(from_mapping(config(tmp_path, name=folder.name, train={"steps": 1})))
        assert told.value.hint == f"mv {folder / name} {folder / name}.moved"


@pytest.mark.case("A15")
def test_a_new_run_whose_model_would_not_be_written_does_not_begin(tmp_path):
    (tmp_path / "runs/new/model").mkdir(parents=True)
    with pytest.raises(RunError, match="a model lies where `new` would put its own"):
        train(from_mapping(config(tmp_path, name="new", train={"steps": 1})))
    assert not (tmp_path / "runs/new/config.yaml").exists()
