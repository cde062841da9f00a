"""Boards: who may be entered, in which order they stand, and what a public copy tells."""

import json

import pytest

import whet.track as track
from whet.base.errors import RunError
from whet.cli.main import main
from whet.track.boards.board import Task
from whet.track.boards.entering import entry_of
from whet.track.boards.site import write
from whet.track.boards.store import Boards

TASK = Task(title="Digits", metric="loss", frozen={"data": "digits", "seed": 1})


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("boards")
    for name, data, loss in (("good", "digits", 0.5), ("better", "digits", 0.25), ("other", "letters", 0.1)):
        config = {
            "data": data,
            "seed": 1,
            "lr": loss,
            "model": "/home/somebody/models/tiny",
            "api_key": "sk-" + "a" * 30,
        }
        with track.init(name=name, config=config, dir=folder) as run:
            for step in range(3):
                run.log({"loss": loss if step == 2 else 9.0}, step=step)
    return folder


class TestEntering:
    def test_the_best_stands_first(self, root, tmp_path):
        kept = Boards(tmp_path)
        kept.make("digits", TASK)
        for name in ("good", "better"):
            kept.enter("digits", entry_of(TASK, root / name))
        assert [(e.run, e.score) for e in kept.find("digits").ranked] == [("better", 0.25), ("good", 0.5)]
        higher = kept.make("up", TASK.model_copy(update={"is_lower_better": False}))
        for name in ("good", "better"):
            higher = kept.enter("up", entry_of(TASK, root / name))
        assert [e.run for e in higher.ranked] == ["good", "better"]

    def test_a_run_of_another_task_is_refused_with_what_differs(self, root):
        with pytest.raises(RunError, match="data is 'letters', not 'digits'"):
            entry_of(TASK, root / "other")

    def test_a_run_without_the_figure_is_refused(self, root):
        with pytest.raises(RunError, match="no figure `accuracy`"):
            entry_of(TASK.model_copy(update={"metric": "accuracy"}), root / "good")

    def test_entering_again_takes_the_former_place(self, root, tmp_path):
        kept = Boards(tmp_path)
        kept.make("digits", TASK)
        for note in ("first", "second"):
            kept.enter("digits", entry_of(TASK, root / "good", note=note))
        assert [e.note for e in kept.find("digits").entries] == ["second"]
        assert kept.withdraw("digits", "good").entries == []

    def test_a_task_never_changes(self, tmp_path):
        kept = Boards(tmp_path)
        kept.make("digits", TASK)
        with pytest.raises(RunError, match="already"):
            kept.make("digits", TASK)

    def test_what_is_told_holds_no_secret_and_no_folder_of_this_machine(self, root):
        text = entry_of(TASK, root / "good").model_dump_json()
        assert "sk-aaa" not in text and "/home/somebody" not in text and '"model":"tiny"' in text


def test_a_site_of_files(root, tmp_path):
    kept = Boards(tmp_path)
    kept.make("digits", TASK.model_copy(update={"title": "<b>Digits</b>"}))
    kept.enter("digits", entry_of(TASK, root / "good"))
    paths = write(kept.listed(), tmp_path / "site", "draw()", "b{}")
    assert [path.name for path in paths] == ["digits.html", "digits.json", "index.html"]
    assert "<b>Digits" not in (tmp_path / "site" / "index.html").read_text()
    assert json.loads((tmp_path / "site" / "digits.json").read_text())["entries"][0]["run"] == "good"


def test_the_command(root, capsys):
    assert main(["boards", "make", "cli", "--title", "T", "--metric", "loss", "--like", "good",
                 "--frozen", "data", "seed", "--root", str(root)]) == 0  # fmt: skip
    for name in ("good", "better"):
        assert main(["boards", "enter", "cli", name, "--root", str(root)]) == 0
    assert capsys.readouterr().out.splitlines() == ["good: 1 of 1", "better: 1 of 2"]
    assert main(["boards", "enter", "cli", "other", "--root", str(root)]) == 2
    assert "data is 'letters'" in capsys.readouterr().err
    assert main(["boards", "show", "cli", "--json", "--root", str(root)]) == 0
    assert [entry["run"] for entry in json.loads(capsys.readouterr().out)] == ["better", "good"]


def test_a_run_is_entered_by_any_of_its_paths(root, tmp_path, monkeypatch, capsys):
    Boards(root).make("paths", TASK)
    monkeypatch.chdir(root / "good")
    assert main(["boards", "enter", "paths", ".", "--root", str(root)]) == 0
    assert capsys.readouterr().out == "good: 1 of 1\n"
