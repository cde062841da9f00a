"""whet.track in scripts: what was logged is in the run folder, and nothing that is logged wrongly ends a script."""

import argparse
import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import whet.track as track
from tests.track.logs.test_log import REPOSITORY, start
from whet.base.errors import RunError
from whet.track.reading.catalogue import runs
from whet.track.reading.read import UNKNOWN
from whet.track.reading.store import history, summarize
from whet.track.script.described import described
from whet.track.terminal.terminal_page import show


@pytest.fixture(autouse=True)
def no_run_is_left_open(tmp_path, monkeypatch):
    monkeypatch.setenv("WHET_RUNS", str(tmp_path))
    for name in ("RANK", "WHET_TRACK_MODE"):
        monkeypatch.delenv(name, raising=False)
    yield
    track.finish()


def curve(run: track.Run, name: str) -> list[tuple[int, float]]:
    steps, values = history(run.path).scalar(name)
    return list(zip(steps.tolist(), values.tolist(), strict=True))


def events(run: track.Run, kind: str) -> list[dict]:
    return [dict(event.payload) for event in history(run.path).events(kind)]


def test_numbers_become_curves_beside_those_of_a_training(tmp_path):
    run = track.init("digits", name="first try", tags=["a", "b"], notes="why", config={"lr": 0.1})
    for value in (3.0, 2.0, math.nan, math.inf):
        track.log({"loss": value, "train": {"acc": 1}, "flag": True})
    track.finish()
    assert curve(run, "loss")[:2] == [(0, 3.0), (1, 2.0)]
    assert [str(value) for _, value in curve(run, "loss")[2:]] == ["nan", "inf"]
    assert curve(run, "train.acc") == [(step, 1.0) for step in range(4)]
    (listed,) = runs(tmp_path)
    assert (listed.name, listed.status, listed.step) == ("first-try", "done", 3)
    page = show(run.path)
    assert all(word in page for word in ("first-try: done", "digits", "loss", "train.acc", "lr"))


def test_steps_count_on_stay_are_given_and_go_back():
    run = track.init()
    track.log({"a": 0})
    track.log({"b": 0}, commit=False)
    track.log({"a": 1})
    track.log({"a": 2}, step=10)
    track.log({"b": 3})
    track.log({"a": 4})
    track.log({"a": 5}, step=np.int64(3))
    assert curve(run, "a") == [(0, 0), (1, 1), (10, 2), (11, 4), (3, 5)]
    assert curve(run, "b") == [(1, 0), (10, 3)]


@pytest.mark.parametrize(
    "value",
    [np.float32(0.5), np.array(0.5), np.array([[0.5]]), torch.tensor(0.5), torch.tensor([0.5], dtype=torch.bfloat16)],
    ids=lambda value: f"{type(value).__module__}.{type(value).__name__}",
)
def test_scalars_of_other_libraries_are_numbers(value):
    run = track.init()
    track.log({"x": value, "loss": 1.0})
    assert curve(run, "x") == [(0, 0.5)]
    assert run.summary["x"] == 0.5


class SlowTensor:
    """Stands for a tensor on a device: its copy arrives when the test says so."""


def test_a_tensor_on_a_device_is_written_once_it_has_arrived_and_in_order(monkeypatch):
    from whet.track.script import tensors, values

    arrived: list[bool] = []
    monkeypatch.setattr(tensors, "_mark", lambda device: (lambda: bool(arrived), lambda: None))
    original = values._foreign

    def foreign(found, name, value):
        if isinstance(value, torch.Tensor) and value.requires_grad:  # only these are "on a device"
            found.on_device[name] = value
        else:
            original(found, name, value)

    monkeypatch.setattr(values, "_foreign", foreign)
    run = track.init()
    for step in range(3):
        loss = torch.tensor(float(step), requires_grad=True)
        track.log({"loss": loss, "lr": 0.5})
        with torch.no_grad():
            loss.add_(100)  # what is done to it afterwards is not what was logged
    assert curve(run, "loss") == []
    arrived.append(True)
    track.log({"other": 1})
    assert len(curve(run, "loss")) == 3
    arrived.clear()
    track.log({"loss": torch.tensor(9.0, requires_grad=True)})
    track.finish()
    assert [step for step, _ in curve(run, "loss")] == [0, 1, 2, 4]
    assert curve(run, "lr") == [(0, 0.5), (1, 0.5), (2, 0.5)]


@pytest.mark.parametrize("data", ["text", None, 3, [1], {"a": {1, 2}.__iter__}])
def test_whatever_is_logged_wrongly_ends_nothing(data, capsys):
    run = track.init()
    track.log(data)
    track.log({"loss": 1.0}, step="no step")
    track.define_metric("loss", summary="the very best")
    track.log_artifact("/there/is/no/such/file")
    track.log({"img": track.Image("/there/is/no/such.png")})
    track.log({"loss": 1.0}, step=5)
    assert curve(run, "loss") == [(5, 1.0)]
    assert run.dropped >= 4
    assert len(capsys.readouterr().err.splitlines()) == 1
    track.log({"loss": 2.0}, step=6)
    assert curve(run, track_dropped := "tracker/dropped")[-1][1] == run.dropped, track_dropped


def test_an_object_without_words_is_counted_and_said_once(capsys):
    run = track.init()
    for _ in range(2):
        track.log({"bad": object(), "where": Path("a/b"), "loss": 1.0})
    assert run.dropped == 2 and curve(run, "loss") == [(0, 1.0), (1, 1.0)]
    assert [event["values"] for event in events(run, "values")] == [{"where": "a/b"}] * 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "`bad` is of type object" in line


@pytest.mark.parametrize("name", ["Api", "sweep", "agent", "Molecule", "nothing_of_the_kind"])
def test_what_others_have_and_we_have_not_is_said_with_what_there_is_instead(name):
    with pytest.raises(RunError) as refused:
        getattr(track, name)
    assert name in refused.value.message and refused.value.hint
    assert not hasattr(track, name)
    with pytest.raises(AttributeError):
        _ = track.__wrapped__


def test_texts_lists_and_nothing_are_kept_though_they_are_no_curves():
    run = track.init()
    track.log({"words": "hello", "list": [1, 2.5], "none": None, "loss": 1.0})
    assert events(run, "values") == [{"values": {"words": "hello", "list": [1, 2.5], "none": None}}]
    assert curve(run, "loss") == [(0, 1.0)]


def test_odd_names_are_kept_and_shown_without_control_characters():
    name = "loss\x1b[31m\n\t\u202e/模型"
    run = track.init(config={name: name})
    for step in range(3):
        track.log({name: float(step)})
    track.alert(name, name)
    track.finish()
    assert history(run.path).names() == [name]
    page = show(run.path)
    assert "模型" in page
    assert all(letter.isprintable() or letter == "\n" for letter in page)


def test_config_is_a_mapping_attributes_and_told_to_the_log():
    track.config.early = 1  # before there is a run
    run = track.init(config=argparse.Namespace(lr=0.1, depth=2))
    track.config.batch = 4
    track.config["lr"] = 0.2
    track.config.update({"depth": 3}, allow_val_change=True)
    track.config.setdefaults({"depth": 9, "width": 8})
    expected = {"lr": 0.2, "depth": 3, "early": 1, "batch": 4, "width": 8}
    assert dict(track.config) == expected == described(history(run.path)).config
    assert track.config.get("nothing", 5) == 5
    with pytest.raises(AttributeError):
        _ = track.config.nothing


def test_the_summary_holds_last_values_what_was_asked_and_what_was_set():
    run = track.init()
    track.define_metric("train/*", step_metric="epoch", summary="min,max,mean")
    track.define_metric("secret", summary="none")
    for value in (2.0, 1.0, 6.0):
        track.log({"train/loss": value, "acc": value, "secret": 0})
    run.summary["best"] = 7
    track.summary.update({"note": "x"})
    found = dict(track.summary)
    assert found == {
        "train/loss": 6.0, "train/loss.min": 1.0, "train/loss.max": 6.0, "train/loss.mean": 3.0, "acc": 6.0,
        "best": 7, "note": "x",
    }  # fmt: skip
    track.finish()
    assert events(run, "summary")[-1] == {"values": found, "final": True}
    assert events(run, "metric")[0] == {"name": "train/*", "step_metric": "epoch", "summary": "min,max,mean"}


def test_calls_of_other_names_leave_the_last_value_of_each_in_the_summary():
    run = track.init()
    row = {"a": 1, "b": 2.5}
    track.log(row)
    row["a"] = 9  # what becomes of the dict later is not what was logged
    track.log({"b": 3, "c": True})
    track.log({"d": np.float32(0.5)})
    track.log({"b": 4, "a": 5})
    found = dict(run.summary.as_dict())
    assert found == {"a": 5, "b": 4, "c": True, "d": 0.5}
    assert type(found["a"]) is int


def test_alerts_are_recorded_and_not_too_often():
    run = track.init()
    for _ in range(3):
        track.alert("low", "accuracy", level="WARN", wait_duration=60)
    track.alert("low", "accuracy")
    track.alert("other")
    assert [alert["title"] for alert in events(run, "alert")] == ["low", "low", "other"]
    assert events(run, "alert")[0] == {"title": "low", "text": "accuracy", "level": "WARN"}


def test_a_run_that_is_resumed_goes_on_and_keeps_what_it_said():
    first = track.init("p", id="mine", config={"lr": 1})
    for step in range(5):
        track.log({"loss": float(step)})
    first.summary["best"] = 1
    track.finish()
    second = track.init("p", id="mine", resume="must", config={"more": 2})
    assert (second.resumed, second.step, dict(second.config), second.summary["best"]) == (
        True, 5, {"lr": 1, "more": 2}, 1,
    )  # fmt: skip
    track.log({"loss": 9.0}, step=3)
    track.finish()
    assert curve(second, "loss") == [(0, 0.0), (1, 1.0), (2, 2.0), (3, 9.0)]
    assert [ghost.values.tolist() for ghost in history(second.path).ghosts("loss")] == [[3.0, 4.0]]
    with pytest.raises(RunError, match="exists already"):
        track.init(id="mine", resume="never")
    with pytest.raises(RunError, match="to resume"):
        track.init(id="other", resume="must")


def test_two_processes_of_one_run_have_a_file_each():
    first = track.init(id="shared")
    second = track.init(id="shared", reinit="create_new")
    second.log({"loss": 2.0})
    first.log({"loss": 1.0})
    logs = history(first.path)
    assert logs.writers == ["r0", f"process-{os.getpid()}"]
    assert [logs.scalar("loss", writer)[1].tolist() for writer in logs.writers] == [[1.0], [2.0]]
    second.finish()


def test_a_rank_writes_as_itself(monkeypatch):
    monkeypatch.setenv("RANK", "3")
    run = track.init(id="ranks")
    run.log({"loss": 1.0})
    assert history(run.path).writers == ["r3"]


def test_an_open_run_is_returned_finished_or_left(tmp_path):
    first = track.init(name="a")
    assert track.init(name="b") is first
    second = track.init(name="a", reinit=True)
    assert (second.id, summarize(first.path).status, track.run) == ("a-2", "done", second)
    track.finish()
    assert track.run is None is track.get_run()
    with pytest.raises(RunError, match="no run to log to"):
        track.log({"a": 1})
    track.finish()


@pytest.mark.parametrize(
    ("end", "status", "reason"),
    [
        ("track.finish()", "done", ""),
        ("track.finish(exit_code=3)", "failed", "exit code 3"),
        ("pass", "done", "the script ended without `finish`"),
        ("1 / 0", "failed", "ZeroDivisionError: division by zero"),
        ("raise KeyboardInterrupt", "stopped", "interrupted"),
        ("os.kill(os.getpid(), 9)", "killed", UNKNOWN),
    ],
)
def test_how_a_script_ends_is_in_its_log(tmp_path, end, status, reason):
    script = f"import os, whet.track as track\ntrack.init(id='x', dir={str(tmp_path)!r})\ntrack.log({{'a': 1}})\n{end}"
    subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True)
    found = summarize(tmp_path / "x")
    assert (found.status, found.reason) == (status, reason)


def test_a_block_that_raises_fails_its_run():
    with pytest.raises(ValueError, match="no"), track.init() as run:
        raise ValueError("no")
    found = summarize(run.path)
    assert (found.status, found.reason) == ("failed", "ValueError: no")


def test_a_disabled_run_writes_nothing_at_all(monkeypatch):
    run = track.init(mode="disabled")
    (log,) = (run.path if run.path.is_dir() else run.path.parent).rglob("*.tlog")
    size = log.stat().st_size
    for step in range(3):
        track.log({"loss": 1.0}, step)
    track.log({"words": "x"})
    assert log.stat().st_size == size and run.dropped == 0


def test_a_disabled_run_takes_everything_and_keeps_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("WHET_TRACK_MODE", "disabled")
    run = track.init("p", config={"a": 1})
    track.log({"loss": 1.0})
    track.finish()
    assert (run.config["a"], run.dropped, list(tmp_path.iterdir())) == (1, 0, [])


def test_a_folder_that_cannot_be_written_is_refused_at_the_door(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="cannot make the run folder"):
        track.init(dir=tmp_path / "file")


BURST = """
import os, sys, whet.track as track
track.init(id="burst", dir=sys.argv[1])
child = os.fork()
if child == 0:
    os.read(0, 1)
for step in range(20_000):
    track.log({"loss": 1.0, "lr": 0.1, "a": 1, "b": 2, "c": 3})
os.write(1, b"x")
os.read(0, 1)
"""


def test_every_point_is_there_after_the_whole_tree_is_killed(tmp_path):
    writer = start(BURST, tmp_path, stdin=subprocess.PIPE, start_new_session=True)
    assert writer.stdout.read(1) == b"x"
    os.killpg(writer.pid, signal.SIGKILL)
    writer.wait()
    logs = history(tmp_path / "burst")
    assert logs.status == "killed"
    assert np.array_equal(logs.scalar("loss")[0], np.arange(20_000))
    size = (tmp_path / "burst" / "track" / "r0.a1.tlog").stat().st_size
    assert size / 20_000 < 80


def test_the_api_needs_nothing_but_the_standard_library():
    script = "import whet.track, sys, json; print(json.dumps(sorted({m.partition('.')[0] for m in sys.modules})))"
    out = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, check=True)
    foreign = set(json.loads(out.stdout)) - set(sys.stdlib_module_names) - {"whet", "__main__"}
    assert {name for name in foreign if not name.startswith("_")} == set()


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("a/b c", "a-b-c"),
        ("../up", "up"),
        ("模型 1", "模型-1"),
        ("\x1b[0m", "0m"),
        ("...", "run"),
        ("x" * 999, "x" * 50),
    ],
)
def test_a_name_becomes_a_folder_that_lies_among_the_runs(tmp_path, name, folder):
    run = track.init(name=name)
    assert (run.id, run.name, run.path.parent) == (folder, name, tmp_path)


def test_save_copies_files(tmp_path, monkeypatch):
    run = track.init(id="kept")
    monkeypatch.chdir(tmp_path)
    Path("sub").mkdir()
    Path("sub/notes.txt").write_text("words")
    assert track.save("sub/*.txt") == [str(run.path / "files" / "notes.txt")]
    track.save("sub/notes.txt", base_path=".")
    assert (run.path / "files" / "sub" / "notes.txt").read_text() == "words"
