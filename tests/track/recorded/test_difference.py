"""Where two runs part, by records alone: what is compared, in which order, and what is not taken for a cause."""

from __future__ import annotations

import numpy as np

from whet.track.logs.event_log import EventLog
from whet.track.recorded import row_frames
from whet.track.recorded.difference import difference
from whet.track.recorded.difference_page import difference_page
from whet.track.recorded.evidence import evidence_of
from whet.track.recorded.rows import RowsLog

FACTS = {"threads": 4, "torch": "2.13.0", "ranks": 1}


def written(folder, losses=(3.0, 2.0, 1.0), rows=((0, 1), (2, 3), (4, 5)), packages=(("numpy", "2.0"),), **facts):
    """A run of three steps as a training leaves it, made of the real writers."""
    logs = folder / "track"
    log = EventLog(logs)
    log.event("started", 0, {"total": 3, "facts": {**FACTS, **facts}})
    machine = EventLog(logs, "machine")
    machine.event("environment", 0, {"packages": dict(packages), "host": str(folder)})
    machine.close("done", "")
    kept = RowsLog(logs, "r0")
    for step, (loss, numbers) in enumerate(zip(losses, rows, strict=True), 1):
        columns = {"row": np.array(numbers), "part": np.zeros(2, int), "batch": np.arange(2)}
        columns |= {"loss": np.full(2, loss), "digest": np.array(numbers) + 100}
        kept.add(step, 0.0, ["a.jsonl"] * 2, columns)
        log.scalars(step, {"loss": loss, "seconds": float(hash(str(folder)) % 100)})
    kept.close()
    log.close("done", "")
    return folder


def test_another_version_of_a_package_is_the_cause_where_figures_part_and_nothing_else_does(tmp_path):
    one = written(tmp_path / "a")
    two = written(tmp_path / "b", losses=(3.0, 2.0000000000000004, 1.0), packages=[("numpy", "2.1")])
    found = difference(one, two)
    assert (found.parting.step, found.parting.what) == (2, "loss")
    assert (found.cause.name, found.cause.first, found.cause.second) == ("packages.numpy", "2.0", "2.1")
    assert "2.0000000000000004 (0x1.0000000000001p+1)" in difference_page(found, "a", "b")


def test_a_difference_that_moves_nothing_is_no_parting(tmp_path):
    found = difference(written(tmp_path / "a"), written(tmp_path / "b", threads=8, packages=[("numpy", "9")]))
    assert found.parting is None and found.num_steps == 3


def test_rows_come_before_figures_and_name_what_only_one_run_had(tmp_path):
    one = written(tmp_path / "a")
    two = written(tmp_path / "b", losses=(3.0, 9.0, 1.0), rows=((0, 1), (2, 9), (4, 5)))
    found = difference(one, two)
    assert (found.parting.step, found.parting.what) == (2, "rows")
    assert (found.parting.first, found.parting.second) == ([("a.jsonl", 3, 0)], [("a.jsonl", 9, 0)])
    assert "a.jsonl row 3" in difference_page(found, "a", "b")


def test_the_same_rows_in_other_micro_batches_part(tmp_path):
    found = difference(written(tmp_path / "a"), written(tmp_path / "b", rows=((0, 1), (3, 2), (4, 5)), micro_batch=2))
    assert (found.parting.step, found.parting.what) == (2, "micro-batches")


def test_each_sequence_of_a_pair_counts(tmp_path):
    for name, chosen in (("a", 100), ("b", 101)):
        kept = RowsLog(tmp_path / name / "track", "r0")
        columns = {"row": np.zeros(2, int), "part": np.zeros(2, int), "batch": np.zeros(2, int)}
        kept.add(1, 0.0, ["a.jsonl"] * 2, columns | {"loss": np.ones(2), "digest": np.array([chosen, 7])})
        kept.close()
    found = difference(tmp_path / "a", tmp_path / "b")
    assert found.parting.what == "content of rows" and list(found.parting.first) == [("a.jsonl", 0, 0)]


def with_sources(folder, *names, digests=(7, 8)):
    """A run of one step of two rows with one number, each of a source."""
    kept = RowsLog(folder / "track", "r0")
    columns = {"row": np.zeros(2, int), "part": np.zeros(2, int), "batch": np.zeros(2, int)}
    kept.add(1, 0.0, names, columns | {"loss": np.ones(2), "digest": np.array(digests)})
    kept.close()
    return folder


def test_files_of_one_name_in_two_folders_are_two(tmp_path):
    one = with_sources(tmp_path / "a", "/data/en/train.jsonl", "/data/de/train.jsonl")
    two = with_sources(tmp_path / "b", "/home/en/train.jsonl", "/home/de/train.jsonl", digests=(7, 9))
    found = difference(one, two)
    assert (found.parting.what, list(found.parting.first)) == ("content of rows", [("de/train.jsonl", 0, 0)])
    swapped = with_sources(tmp_path / "c", "/data/de/train.jsonl", "/data/en/train.jsonl", digests=(7, 8))
    assert difference(one, swapped).parting.what == "content of rows"


def test_steps_are_read_as_they_are_asked_for(tmp_path, monkeypatch):
    numbers = tuple((n, n + 1) for n in range(20))
    folder = written(tmp_path / "a", losses=[1.0] * 20, rows=numbers)
    read: list[int] = []
    original = row_frames.unpacked
    monkeypatch.setattr(row_frames, "unpacked", lambda body, columns: read.append(1) or original(body, columns))
    counts = {step.step: len(read) for step in evidence_of(folder).steps(1)}
    # One is read beforehand, for where the attempt begins, and two steps ahead are known.
    assert [counts[step] - step for step in range(1, 18)] == [3] * 17


def test_what_nothing_explains_is_said(tmp_path):
    found = difference(written(tmp_path / "a"), written(tmp_path / "b", losses=(3.0, 2.0, float("nan"))))
    assert found.parting.step == 3 and found.cause is None
    assert "nothing that is recorded explains it" in difference_page(found, "a", "b")


def test_equal_undefined_numbers_are_equal(tmp_path):
    losses = (3.0, float("nan"), 1.0)
    assert difference(written(tmp_path / "a", losses), written(tmp_path / "b", losses)).parting is None


def test_runs_that_recorded_nothing_are_compared_as_far_as_they_go(tmp_path):
    (tmp_path / "old" / "track").mkdir(parents=True)
    log = EventLog(tmp_path / "old" / "track")
    log.scalars(1, {"loss": 3.0})
    log.scalars(2, {"loss": 2.5})
    log.close("done", "")
    found = difference(tmp_path / "old", written(tmp_path / "new"))
    assert (found.parting.step, found.parting.what, found.num_steps) == (2, "loss", 2)
    (tmp_path / "empty" / "track").mkdir(parents=True)
    assert difference(tmp_path / "empty", tmp_path / "new").num_steps == 0


def test_broken_records_are_left_out(tmp_path):
    one, two = written(tmp_path / "a"), written(tmp_path / "b")
    [path] = (two / "track").glob("*.rows")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(bytes(data[: len(data) - 3]))
    assert difference(one, two).parting is None
