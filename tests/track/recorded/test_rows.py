"""The record of rows: what was written is read, attempts replace each other, and damage costs what is damaged alone."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from whet.track.logs import frames, sidecar
from whet.track.recorded import rows_index
from whet.track.recorded.rows import RowsLog, every_step
from whet.track.recorded.rows_index import rows_of, token_steps, tokens_of


def columns(*rows, **more):
    numbers = np.array(rows)
    found = {"row": numbers, "part": np.zeros_like(numbers), "loss": numbers / 8, "digest": numbers + 7}
    return {**found, **{name: np.array(values) for name, values in more.items()}}


def written(folder, steps, rank="r0", **more):
    log = RowsLog(folder / "track", rank)
    for step in steps:
        log.add(step, step / 10, ["a.jsonl", None], columns(step, step + 100, **more))
    log.close()
    return log


def rows(folder):
    return {one.step: one.columns["row"].tolist() for one in every_step(folder)}


def test_what_is_written_is_read(tmp_path):
    large = 1 << 40
    written(tmp_path, [1, 2], reward=[0.5, float("nan")], row=[3, large])
    [one] = rows_of(tmp_path, 2)
    assert (one.rank, one.epoch, len(one)) == ("r0", 0.2, 2)
    assert one.place(0) == ("a.jsonl", 3, 0) and one.place(1) == ("", large, 0)
    assert one.columns["reward"][0] == 0.5 and np.isnan(one.columns["reward"][1])
    assert one.columns["loss"].tolist() == [2 / 8, 102 / 8]


def test_a_row_takes_few_bytes(tmp_path):
    log = RowsLog(tmp_path / "track", "r0")
    for step in range(100):
        log.add(step, 0.0, ["a.jsonl"] * 64, columns(*range(64)))
    log.close()
    [path] = (tmp_path / "track").glob(f"*{frames.ROWS_FILE}")
    assert path.stat().st_size / 6400 < 20


def test_a_later_attempt_replaces_from_its_first_step_on(tmp_path):
    written(tmp_path, [1, 2, 3, 4])
    log = RowsLog(tmp_path / "track", "r0")
    log.add(3, 0.0, ["b.jsonl"], {"row": np.array([9]), "part": np.array([0])})
    log.close()
    assert rows(tmp_path) == {1: [1, 101], 2: [2, 102], 3: [9]}
    written(tmp_path, [])  # one that was killed before its first step replaces nothing
    assert sorted(rows(tmp_path)) == [1, 2, 3]


def test_tokens_of_steps_that_an_attempt_takes_back_are_gone(tmp_path):
    for steps in ((10, 20, 30), (15, 16)):
        log = RowsLog(tmp_path / "track", "r0")
        for step in steps:
            log.add(step, 0.0, ["a.jsonl"], columns(step))
            log.add_tokens(step, ("a.jsonl", step, 0), [np.array([1, 2]), np.array([1]), np.array([2]), np.ones(1)])
        log.close()
    assert token_steps(tmp_path) == sorted(rows(tmp_path)) == [10, 15, 16]
    assert tokens_of(tmp_path, 20) == [] and len(tokens_of(tmp_path, 16)) == 1


def test_ranks_are_told_in_their_order(tmp_path):
    for rank in ("r10", "r2", "r0"):
        written(tmp_path, [1], rank)
    assert [one.rank for one in rows_of(tmp_path, 1)] == ["r0", "r2", "r10"]


def test_tokens_are_read_as_they_were_written(tmp_path):
    log = RowsLog(tmp_path / "track", "r0")
    arrays = [np.arange(5), np.array([1, 3]), np.array([2, 4]), np.array([0.5, 1.5])]
    log.add_tokens(7, ("a.jsonl", 3, 1), arrays)
    log.close()
    [one] = tokens_of(tmp_path, 7)
    assert (one.source, one.row, one.part) == ("a.jsonl", 3, 1) and token_steps(tmp_path) == [7]
    for name, array in zip(("ids", "places", "targets", "losses"), arrays, strict=True):
        assert getattr(one, name).tolist() == array.tolist()
    assert tokens_of(tmp_path, 8) == []


@pytest.mark.parametrize("seed", range(8))
def test_damage_costs_what_is_damaged(tmp_path, seed):
    written(tmp_path, range(1, 9))
    whole = rows(tmp_path)
    [path] = (tmp_path / "track").glob(f"*{frames.ROWS_FILE}")
    data, random = bytearray(path.read_bytes()), np.random.default_rng(seed)
    place = int(random.integers(len(frames.MAGIC), len(data)))
    data[place] ^= int(random.integers(1, 256))
    path.write_bytes(bytes(data[: len(data) - int(random.integers(0, 40))]))
    found = rows(tmp_path)
    assert all(whole[step] == numbers for step, numbers in found.items())


def test_a_source_whose_name_is_lost_is_not_taken_for_another(tmp_path):
    log = RowsLog(tmp_path / "track", "r0")
    for step, name in enumerate(("first.jsonl", "second.jsonl"), 1):
        log.add(step, 0.0, [name], columns(step))
    log.close()
    [path] = (tmp_path / "track").glob(f"*{frames.ROWS_FILE}")
    data = bytearray(path.read_bytes())
    data[data.index(b"first")] ^= 1
    path.write_bytes(bytes(data))
    assert [one.place(0)[0] for one in every_step(tmp_path)] == ["", "second.jsonl"]


def test_a_run_without_records_has_none(tmp_path):
    (tmp_path / "track").mkdir()
    assert list(every_step(tmp_path)) == [] and rows_of(tmp_path / "nowhere", 1) == []
    (tmp_path / "track" / "r0.a1.rows").write_bytes(b"no such thing")
    (tmp_path / "track" / "r1.a1.rows").mkdir()
    assert list(every_step(tmp_path)) == []


def test_a_full_disk_drops_rows_and_raises_nothing(tmp_path, monkeypatch, capsys):
    log = RowsLog(tmp_path / "track", "r0")
    log.add(1, 0.0, ["a.jsonl"], columns(1))

    def full(fd, data):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("whet.track.logs.event_log._write_all", full)
        log.add(2, 0.0, ["new.jsonl"], columns(2, other=[1]))
    log.add(3, 0.0, ["new.jsonl"], columns(3, other=[1]))  # its source and columns are told then
    log.close()
    assert rows(tmp_path) == {1: [1], 3: [3]} and rows_of(tmp_path, 3)[0].place(0)[0] == "new.jsonl"
    assert "No space left" in capsys.readouterr().err


def test_what_is_no_row_drops_it_alone(tmp_path, capsys):
    log = RowsLog(tmp_path / "track", "r0")
    log.add(1, 0.0, ["a.jsonl"], {"row": "no column"})
    log.add(2, 0.0, ["a.jsonl"], columns(2))
    log.close()
    assert list(rows(tmp_path)) == [2] and "drops records" in capsys.readouterr().err


def test_a_forked_child_writes_nothing_and_a_kill_loses_nothing_written(tmp_path):
    code = (
        "import os, sys, numpy as np\nfrom pathlib import Path\nfrom whet.track.recorded.rows import RowsLog\n"
        "log = RowsLog(Path(sys.argv[1]) / 'track', 'r0')\nrow = {'row': np.array([1]), 'part': np.array([0])}\n"
        "log.add(1, 0.0, ['a'], row)\n"
        "if os.fork() == 0:\n    log.add(2, 0.0, ['a'], row)\n    os._exit(0)\n"
        "os.wait()\nlog.add(3, 0.0, ['a'], row)\nos.kill(os.getpid(), 9)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=environment, capture_output=True)
    assert rows(tmp_path) == {1: [1], 3: [1]}


@pytest.fixture
def small(monkeypatch):
    """Stretches of a few steps, read in pieces smaller than they are, and kept beside the file at once."""
    monkeypatch.setattr(rows_index, "_STRETCH_BYTES", 300)
    monkeypatch.setattr(rows_index, "_PIECE_BYTES", 200)
    monkeypatch.setattr(rows_index, "_BEHIND_BYTES", 0)


def everything(folder, steps):
    return {
        step: ([one.columns["row"].tolist() for one in rows_of(folder, step)],
               [one.place(0) for one in rows_of(folder, step)], [one.row for one in tokens_of(folder, step)])
        for step in steps
    }  # fmt: skip


def long_file(folder, steps, every=4):
    log = RowsLog(folder / "track", "r0")
    for step in steps:
        log.add(
            step,
            0.0,
            [f"{step % 5}.jsonl"] * 3,
            columns(step, step + 1, step + 2, **({"extra": [1, 2, 3]} if step % 3 else {})),
        )
        if step % every == 0:
            log.add_tokens(step, ("a.jsonl", step, 0), [np.arange(3), np.array([1]), np.array([2]), np.ones(1)])
    return log


def test_a_step_is_read_where_it_lies_and_as_it_was_written(tmp_path, small, monkeypatch):
    log = long_file(tmp_path, range(200))
    expected = {one.step: [one.columns["row"].tolist()] for one in every_step(tmp_path)}
    found = everything(tmp_path, range(-1, 202))
    assert {step: one[0] for step, one in found.items() if one[0]} == expected
    assert all(found[step][1:] == ([(f"{step % 5}.jsonl", step, 0)], [step] * (step % 4 == 0)) for step in range(200))
    assert (tmp_path / "track" / "r0.a1.rows.index").is_file() and token_steps(tmp_path) == list(range(0, 200, 4))
    num_read, real = [], rows_index.Scanner.scan
    monkeypatch.setattr(
        rows_index.Scanner, "scan", lambda self, data, last: num_read.append(len(data)) or real(self, data, last)
    )
    assert everything(tmp_path, [150]) == {150: found[150]}
    assert sum(num_read) < log._log.path.stat().st_size / 10
    log.close()
    long_file(tmp_path, range(100, 103)).close()  # goes over it again
    again = everything(tmp_path, range(200))
    assert again[99] == found[99] and again[101][0] == [[101, 102, 103]] and again[150] == ([], [], [])
    assert token_steps(tmp_path) == list(range(0, 101, 4))


def test_an_index_of_rows_follows_a_file_that_grows_and_leaves_a_torn_frame(tmp_path, small):
    log = long_file(tmp_path, range(30))
    path = log._log.path
    data = path.read_bytes()
    whole = everything(tmp_path, range(30))
    for size in range(len(data) // 2, len(data), 97):
        path.write_bytes(data[:size])
        found = everything(tmp_path, range(30))
        assert all(found[step] == whole[step] or not found[step][0] or not found[step][2] for step in range(30))
        assert found[3] == whole[3]
    path.write_bytes(data)
    assert everything(tmp_path, range(30)) == whole


@pytest.mark.parametrize("seed", range(12))
def test_an_index_of_rows_that_is_damaged_or_of_another_file_is_made_anew(tmp_path, small, seed):
    long_file(tmp_path, range(60)).close()
    whole, random = everything(tmp_path, range(60)), np.random.default_rng(seed)
    index = tmp_path / "track" / "r0.a1.rows.index"
    data = bytearray(index.read_bytes())
    if seed == 0:
        (tmp_path / "track" / "r0.a1.rows").unlink()
        long_file(tmp_path, range(60, 90)).close()
        index.rename(tmp_path / "old")
        whole = everything(tmp_path, range(60))
        index.write_bytes(bytes(data))
    else:
        data[int(random.integers(len(data)))] ^= int(random.integers(1, 256))
        index.write_bytes(bytes(data[: len(data) - int(random.integers(0, 20))]))
    assert everything(tmp_path, range(60)) == whole


def test_an_index_of_rows_that_somebody_made_up_is_passed_over(tmp_path, small):
    long_file(tmp_path, range(60)).close()
    whole, log = everything(tmp_path, (7,)), tmp_path / "track" / "r0.a1.rows"
    true = {"offset": log.stat().st_size, "first_step": 0, "stretches": 2, "told": []}
    far = np.array([[16, 0, 9], [1 << 62, 0, 9]], np.int64).tobytes()
    for wrong in (
        {}, {"first_step": "x"}, {"offset": -1}, {"offset": float("inf")}, {"stretches": 1}, {"stretches": -1},
        {"told": [[float("inf"), 7, 0, []]]}, {"told": 3},
    ):  # fmt: skip
        sidecar.write(log.with_name("r0.a1.rows.index"), log, rows_index.MAGIC, {**true, **wrong}, [far])
        assert everything(tmp_path, (7,)) == whole
