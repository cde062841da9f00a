"""`whet train --ranks` starts ranks that are watched, and none where it is one already."""

from __future__ import annotations

import argparse

import pytest

from tests.tiny import config
from whet.base.config import from_mapping
from whet.base.errors import ConfigError
from whet.cli import launching
from whet.cli.launching import begun_before, is_of_mesh, launched, words
from whet.train.ranks import launcher as module


class Recording:
    """In place of the launcher: what it was asked for."""

    def __init__(self, ranks, restarts, start, go_on):
        self.asked = (ranks, restarts, start, go_on("FOLDER"))
        RECORDED.append(self.asked)

    def run(self):
        return 7


RECORDED: list[tuple] = []


@pytest.fixture(autouse=True)
def _recorded(monkeypatch):
    RECORDED.clear()
    monkeypatch.setattr(module, "Launcher", Recording)
    monkeypatch.setattr(module, "processes", list)
    for name in ("WORLD_SIZE", "RANK", "WHET_RANKS"):
        monkeypatch.delenv(name, raising=False)


def typed(**given):
    blank = dict.fromkeys(("model", "objective", "tuner", "name", "data", "ranks"))
    return argparse.Namespace(target=["run.yaml", "parallel.tensor=2", "seed=1"], **{**blank, **given})


def run_of(tmp_path, **sections):
    return from_mapping(config(tmp_path, **sections)).run


def test_a_plain_run_and_a_rank_run_here(tmp_path, monkeypatch):
    assert launched(typed(), run_of(tmp_path), []) is None
    monkeypatch.setenv("WHET_RANKS", "note")
    assert launched(typed(), run_of(tmp_path, train={"restarts": 3}), []) is None
    assert RECORDED == []


def test_ranks_are_started_with_what_was_typed_and_go_on_with_their_mesh(tmp_path, capsys):
    run, overrides = run_of(tmp_path, parallel={"tensor": 2}), ["parallel.tensor=2", "seed=1"]
    assert launched(typed(ranks=4, name="four", data=["a.jsonl", "b.jsonl"]), run, overrides) == 7
    assert capsys.readouterr().err == "starting 4 ranks\n"
    [(ranks, restarts, start, after)] = RECORDED
    assert (ranks, restarts) == (4, 0) and after == ["train", "FOLDER", "parallel.tensor=2"]
    assert [is_of_mesh(word) for word in ("parallel={pipeline: 2}", "parallels.x=1", "seed=1")] == [True, False, False]
    assert start == words(typed(name="four", data=["a.jsonl", "b.jsonl"]))
    assert start == [
        "train", "run.yaml", "parallel.tensor=2", "seed=1", "--name", "four", "--data", "a.jsonl", "b.jsonl",
    ]  # fmt: skip


def test_restarts_alone_watch_one_process(tmp_path):
    assert launched(typed(), run_of(tmp_path, train={"restarts": 3}), []) == 7
    assert RECORDED[0][:2] == (1, 3)


def test_a_mesh_that_does_not_fit_is_refused_before_anything_starts(tmp_path):
    with pytest.raises(ConfigError, match="rest"):
        launched(typed(ranks=3), run_of(tmp_path, parallel={"tensor": 2}), [])
    assert RECORDED == []


def test_ranks_that_torchrun_starts_anew_go_on_with_their_run(tmp_path, monkeypatch):
    run = run_of(tmp_path, name="first")
    folder = tmp_path / "runs" / "first"
    folder.mkdir(parents=True)
    (folder / "config.yaml").touch()
    assert begun_before(run) is None, "whoever types the command again is told that the run exists"
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    assert begun_before(run) == folder
    assert begun_before(run_of(tmp_path, name="other")) is None and begun_before(run_of(tmp_path)) is None


def test_a_rank_of_torchrun_starts_no_others(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="one of 2 already"):
        launched(typed(ranks=2), run_of(tmp_path), [])
    assert launching.launched(typed(), run_of(tmp_path, train={"restarts": 1}), []) is None
    assert "--max-restarts" in capsys.readouterr().err and RECORDED == []
