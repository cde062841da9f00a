"""Runs that the trackers themselves have written say here what their own readers say of them (`record.py`)."""

import json
import math
import os
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

import whet.track as track
from whet.base.errors import RunError
from whet.cli.main import main
from whet.track.imports import import_runs
from whet.track.reading.catalogue import runs, said_by_name
from whet.track.reading.rows import listed
from whet.track.reading.store import history

RECORDED = Path(__file__).parent / "recorded"
TRACKERS = sorted(path.stem for path in RECORDED.glob("*.json"))


def placed(tracker: str, folder: Path, recorded: Path = RECORDED) -> Path:
    """What a tracker left, with its databases made of the SQL that is kept of them."""
    place = folder / tracker
    shutil.copytree(recorded / tracker, place)
    for path in place.rglob("*.sql"):
        made = path.with_suffix("") if len(path.suffixes) > 1 else path.with_suffix(".db")
        with sqlite3.connect(made) as db:
            db.executescript(path.read_text())
        db.close()
        path.unlink()
    return place


def check(tracker: str, place: Path, root: Path, oracle: Path) -> None:
    done = list(import_runs(place, root))
    assert [one.change for one in done] == ["imported"] * len(done) and all(one.is_whole for one in done), done
    said, rows = said_by_name(root), {run.name: row for run, row in listed(root)}
    by_name = {said[one.name]["about"]["name"]: one.name for one in done}
    for expected in json.loads(oracle.read_text()):
        name = by_name.get(expected["name"]) or by_name[expected["name"].replace("-", "/")]
        logs, about = history(root / name), said[name]["about"]
        assert set(logs.names()) == set(expected["metrics"]) and logs.damaged == 0
        for metric, points in expected["metrics"].items():
            (part,) = logs.points(metric)
            assert part.steps.tolist() == [step for step, _, _ in points]
            for value, moment, (_, wanted, time) in zip(part.values, part.times, points, strict=True):
                assert value == float(wanted) or (math.isnan(value) and wanted == "nan"), metric
                assert moment == pytest.approx(time, abs=1e-6) if time is not None else moment > 1.7e9
        assert said[name]["config"] == expected["config"] and about["project"] in ("proj", "tensorboard")
        for field in ("notes", "group", "job_type", "tags"):
            assert about.get(field) == expected.get(field), field
        for label, value in expected.get("labels", {}).items():
            assert rows[name][f"label.{label}"] == value
        media = {event.payload["name"]: event.payload["entries"][0] for event in logs.events("media")}
        assert sorted(media) == expected.get("media", [])
        if "image" in media:
            data = (root / name / media["image"]["path"]).read_bytes()
            assert data[:4] == b"\x89PNG" and media["image"]["caption"] == "cap"
        assert logs.status == "done"


@pytest.mark.parametrize("tracker", TRACKERS)
def test_an_import_says_what_the_tracker_s_own_reader_says(tracker: str, tmp_path: Path):
    check(tracker, placed(tracker, tmp_path), tmp_path / "runs", RECORDED / f"{tracker}.json")


@pytest.mark.parametrize("tracker", TRACKERS)
def test_importing_again_makes_no_second_run(tracker: str, tmp_path: Path):
    place, root = placed(tracker, tmp_path), tmp_path / "runs"
    first = list(import_runs(place, root))
    before = {path: path.read_bytes() for path in root.rglob("*.tlog")}
    moved = tmp_path / "moved" / "elsewhere"
    moved.parent.mkdir()
    shutil.move(place, moved)
    again = list(import_runs(moved, root))
    assert [one.name for one in again] == [one.name for one in first]
    assert {one.change for one in again} == {"is here already"}
    assert {path: path.read_bytes() for path in root.rglob("*.tlog")} == before
    assert len(runs(root)) == len(first)


@pytest.mark.parametrize(("variable", "trackers"), [
    ("WHET_TRACKERS_PYTHON", "wandb swanlab tensorboard trackio"),
    ("WHET_MLFLOW_PYTHON", "mlflow_database mlflow_files"),
])  # fmt: skip
def test_what_the_trackers_write_today_is_read(variable: str, trackers: str, tmp_path: Path):
    python = os.environ.get(variable)
    if not python:
        pytest.skip(f"{variable} names no Python that has {trackers}")
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    for tracker in trackers.split():
        recorder = Path(__file__).with_name("record.py")
        done = subprocess.run([python, recorder, tmp_path, tracker], env=own, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        place = placed(tracker, tmp_path / "placed", tmp_path)
        check(tracker, place, tmp_path / f"runs-{tracker}", tmp_path / f"{tracker}.json")


def test_all_trackers_below_one_folder_come_at_once(tmp_path: Path):
    for tracker in TRACKERS:
        placed(tracker, tmp_path / "all")
    done = list(import_runs(tmp_path / "all", tmp_path / "runs"))
    assert len(done) == len(TRACKERS) + 1 and len({one.name for one in done}) == len(done)
    assert len(runs(tmp_path / "runs")) == len(done)


def test_runs_of_ours_are_not_imported_though_a_tee_has_left_events_in_them(tmp_path, capsys):
    root, foreign = tmp_path / "runs", tmp_path / "mixed"
    with track.init("mine", id="mine", dir=foreign) as run:
        run.log({"loss": 1.0})
    assert main(["runs", "--root", str(foreign), "export", "mine", "--to", "tensorboard"]) == 0
    assert str(run.path / "tensorboard") in capsys.readouterr().err
    for path, words in (
        (foreign, "whet runs --root"),
        (run.path, "whet show"),
        (run.path / "tensorboard", "whet show"),
    ):
        with pytest.raises(RunError) as refused:
            list(import_runs(path, root))
        assert words in refused.value.hint
    shutil.move(run.path / "tensorboard", foreign / "elsewhere")  # there it is TensorBoard's
    (done,) = import_runs(foreign, root)
    assert done.tracker == "tensorboard" and history(root / done.name).scalar("loss")[1].tolist() == [1.0]
