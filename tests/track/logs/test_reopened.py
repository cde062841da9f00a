"""A log that its writer goes on with: nothing before it becomes a ghost, and its end is taken back."""

from pathlib import Path

import pytest

from whet.base.errors import RunError
from whet.track.logs.event_log import EventLog
from whet.track.reading.catalogue import runs
from whet.track.reading.store import history, summarize


def first(folder: Path) -> EventLog:
    log = EventLog(folder / "track")
    for step in range(10):
        log.scalars(step, {"a": float(step)})
    return log


def test_what_lies_before_is_no_ghost_and_the_end_is_taken_back(tmp_path: Path):
    log = first(tmp_path / "run")
    log.close("done", "over")
    assert summarize(tmp_path / "run").status == "done"
    again = EventLog.reopened(log.path)
    again.scalars(0, {"b": 7.0})
    again.scalars(3, {"a": 33.0})
    found = history(tmp_path / "run")
    assert found.status == "running" and found.reason == "" and found.damaged == 0
    assert found.scalar("a")[1].tolist() == [*map(float, range(10)), 33.0]
    assert found.scalar("b")[1].tolist() == [7.0]
    assert found.ghosts("a") == [] and len(found.spans) == 1
    again.close("failed", "late")
    found.refresh()
    assert (found.status, found.reason) == ("failed", "late")


def test_a_reader_that_saw_the_end_sees_what_follows_it(tmp_path: Path):
    log = first(tmp_path / "run")
    log.close("done", "over")
    reader = history(tmp_path / "run")
    assert [run.status for run in runs(tmp_path)] == ["done"]
    again = EventLog.reopened(log.path)
    again.scalars(11, {"a": 11.0})
    reader.refresh()
    assert reader.status == "running" and reader.last_step == 11
    assert [run.status for run in runs(tmp_path)] == ["running"]
    again.close("done", "over")
    assert [(run.status, run.step) for run in runs(tmp_path)] == [("done", 11)]


def test_a_torn_tail_is_cut_off_before_anything_is_added(tmp_path: Path):
    log = first(tmp_path / "run")
    log._abandon()  # as a kill would
    with log.path.open("r+b") as file:
        file.truncate(log.path.stat().st_size - 5)
    again = EventLog.reopened(log.path)
    again.scalars(20, {"a": 20.0})
    found = history(tmp_path / "run")
    assert found.damaged == 0
    assert found.scalar("a")[1].tolist() == [*map(float, range(9)), 20.0]


def test_a_log_that_another_writes_is_not_taken(tmp_path: Path):
    log = first(tmp_path / "run")
    with pytest.raises(RunError, match="another process writes"):
        EventLog.reopened(log.path)
    log.close("done", "")


def test_labels_are_set_changed_and_taken_away(tmp_path: Path):
    from whet.track.reading.query import parse
    from whet.track.reading.rows import listed

    log = first(tmp_path / "run")
    log.event("labels", 0, {"values": {"stage": "dev", "mlflow.user": "ada", "gone": "x"}})
    log.event("labels", 0, {"values": {"stage": "prod", "gone": None}})
    log.close("done", "")
    rows = [row for _, row in listed(tmp_path)]
    assert parse('`label.stage` == "prod" and label.mlflow.user == "ada"').select(rows) == rows
    assert "label.gone" not in rows[0]
