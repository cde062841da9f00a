"""The store: runs are listed and found from their folders alone."""

import pytest

from tests.track import runs as made
from whet.base.errors import RunError
from whet.track.reading.catalogue import runs
from whet.track.reading.store import find, summarize


def test_a_run_is_summed_up_from_its_records(tmp_path):
    made.write(tmp_path / "first", made.records())
    run = summarize(tmp_path / "first")
    assert (run.name, run.status, run.reason, run.attempts) == ("first", "done", "all steps done", 1)
    assert (run.step, run.total, run.loss, run.tokens_per_s) == (20, 20, 0.2, 4000.0)
    assert run.started > 0 and 0 < run.duration_s < 60


def test_a_run_that_was_prepared_and_never_started_is_new(tmp_path):
    (tmp_path / "prepared").mkdir()
    (tmp_path / "prepared" / "config.yaml").touch()
    (run,) = runs(tmp_path)
    assert (run.status, run.step, run.loss, run.started, run.tokens_per_s) == ("new", None, None, None, None)


def test_a_resumed_run_counts_its_attempts_and_speaks_with_the_newest(tmp_path):
    made.write(tmp_path / "run", made.records(last=12, outcome=None)).close()
    made.write(tmp_path / "run", [made.RunStarted(10, 30), made.step(11, 30, loss=9.0)])
    run = summarize(tmp_path / "run")
    assert (run.status, run.attempts, run.step, run.total, run.loss) == ("running", 2, 11, 30, 9.0)


def test_the_time_between_attempts_is_not_counted(tmp_path, monkeypatch):
    clock = iter([100.0, 110.0, 120.0, 1000.0, 1001.0])
    monkeypatch.setattr("time.time", lambda: next(clock))
    for start in (0, 1):
        made.write(tmp_path / "run", [made.RunStarted(start, 9)])
        if start == 0:
            made.write(tmp_path / "run", [], rank=1)
    monkeypatch.undo()
    run = summarize(tmp_path / "run")
    assert (run.started, run.duration_s) == (100.0, 11.0)


def test_runs_are_listed_with_the_latest_first_and_other_folders_are_not(tmp_path):
    for name in ("b", "a", "c"):
        made.write(tmp_path / name, made.records(last=1))
    (tmp_path / "cache").mkdir()
    (tmp_path / "notes.txt").touch()
    assert [run.name for run in runs(tmp_path)] == ["c", "a", "b"]
    assert runs(tmp_path / "nowhere") == []


def test_a_run_is_found_by_name_and_by_path(tmp_path, monkeypatch):
    folder = tmp_path / "runs" / "sft-tiny"
    made.write(folder, made.records(last=1))
    monkeypatch.chdir(tmp_path)
    assert find("sft-tiny").resolve() == folder
    assert find("sft-tiny", tmp_path / "runs") == folder
    assert find(str(folder), tmp_path / "elsewhere") == folder


def test_an_unknown_run_suggests_the_nearest_name(tmp_path):
    made.write(tmp_path / "sft-tiny", made.records(last=1))
    with pytest.raises(RunError) as near:
        find("sft-tinny", tmp_path)
    assert near.value.hint == "did you mean `sft-tiny`?"
    with pytest.raises(RunError) as far:
        find("zzzz", tmp_path)
    assert "sft-tiny" in far.value.hint
    with pytest.raises(RunError) as none:
        find("zzzz", tmp_path / "nowhere")
    assert "whet train" in none.value.hint
