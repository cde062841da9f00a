"""History: what was logged is what is read, whatever happened to the tail or to earlier attempts."""

import json
import math
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whet.base.errors import RunError
from whet.track.logs import frames
from whet.track.logs.event_log import EventLog
from whet.track.reading.read import History


def write(folder: Path, steps, *, outcome: str | None = "done", rank: int = 0, offset: float = 0.0) -> Path:
    log = EventLog(folder, frames.rank_writer(rank))
    for step in steps:
        log.scalars(step, {"loss": step + offset})
    if outcome:
        log.close(outcome, "because")
    else:
        log._abandon()  # what the kernel does to a killed process
    return log.path


def curve(history: History, name: str = "loss", writer: str | None = None) -> dict[int, float]:
    steps, values = history.scalar(name, writer)
    return dict(zip(steps.tolist(), values.tolist(), strict=True))


def test_20_000_steps_of_5_scalars_come_back(tmp_path):
    values = np.random.default_rng(0).normal(size=(20_000, 5))
    log = EventLog(tmp_path)
    for step, row in enumerate(values):
        log.scalars(step, dict(zip("abcde", row.tolist(), strict=True)))
    log.close("done", "")
    history = History(tmp_path)
    for column, name in enumerate("abcde"):
        steps, read = history.scalar(name)
        assert np.array_equal(steps, np.arange(20_000))
        assert np.array_equal(read, values[:, column])


def test_nan_and_infinities_come_back(tmp_path):
    log = EventLog(tmp_path)
    for step, value in enumerate([math.nan, math.inf, -math.inf, -0.0, 5e-324]):
        log.scalars(step, {"x": value})
    log.close("done", "")
    values = History(tmp_path).scalar("x")[1]
    assert math.isnan(values[0])
    assert values[1:].tolist() == [math.inf, -math.inf, 0.0, 5e-324]
    assert math.copysign(1, values[3]) == -1


CALLS = st.lists(
    st.tuples(
        st.integers(-5, 1000),
        st.dictionaries(st.text(max_size=3), st.floats(width=64, allow_nan=False), max_size=4),
        st.booleans(),
    ),
    max_size=30,
)


@given(CALLS)
def test_any_sequence_of_calls_comes_back_whenever_it_is_read(calls):
    with tempfile.TemporaryDirectory() as folder:
        log, history = EventLog(Path(folder)), History(Path(folder))
        expected: dict[str, list[tuple[int, float]]] = {}
        for step, values, refresh in calls:
            log.scalars(step, values)
            for name, value in values.items():
                expected.setdefault(name, []).append((step, value))
            if refresh:
                history.refresh()
        log.close("done", "")
        history.refresh()
        for reader in (history, History(Path(folder))):
            assert sorted(reader.names()) == sorted(expected)
            for name, points in expected.items():
                steps, values = reader.scalar(name)
                assert list(zip(steps.tolist(), values.tolist(), strict=True)) == points


@pytest.mark.parametrize("last", ["scalars", "event", "schema", "end"])
def test_a_tail_torn_at_any_byte_is_ignored_and_read_once_it_is_whole(tmp_path, last):
    log = EventLog(tmp_path / "whole")
    log.scalars(1, {"loss": 1.0})
    log.event("notice", 1, {"text": "before"})
    start = log.path.stat().st_size
    match last:
        case "scalars":
            log.scalars(2, {"loss": 2.0})
        case "event":
            log.event("notice", 2, {"text": "torn"})
        case "schema":
            log.scalars(2, {"other": 2.0})
        case "end":
            log.close("done", "")
    data = log.path.read_bytes()
    log._abandon()
    torn = tmp_path / "torn" / log.path.name
    torn.parent.mkdir()
    for cut in range(start, len(data)):
        torn.write_bytes(data[:cut])
        history = History(torn.parent)
        assert curve(history) == {1: 1.0}
        assert (curve(history, "other"), len(history.events()), history.status) == ({}, 1, "killed")
        torn.write_bytes(data)
        history.refresh()
        read = (len(curve(history)), len(curve(history, "other")), len(history.events()), history.status)
        whole = History(log.path.parent)
        assert read == (len(curve(whole)), len(curve(whole, "other")), len(whole.events()), whole.status)
        assert history.damaged == 0


def test_a_tail_of_zeros_is_ignored(tmp_path):
    path = write(tmp_path, [1, 2], outcome=None)
    path.write_bytes(path.read_bytes() + bytes(4096))
    assert curve(History(tmp_path)) == {1: 1.0, 2: 2.0}


def test_a_last_frame_that_is_not_filled_yet_is_read_once_it_is(tmp_path):
    path = write(tmp_path, [1, 2], outcome=None)
    data = path.read_bytes()
    path.write_bytes(data[:-8] + bytes(8))
    history = History(tmp_path)
    assert (curve(history), history.damaged) == ({1: 1.0}, 0)
    path.write_bytes(data)
    history.refresh()
    assert (curve(history), history.damaged) == ({1: 1.0, 2: 2.0}, 0)


def test_a_damaged_frame_costs_itself_alone_and_is_counted(tmp_path):
    path = write(tmp_path, range(10))
    data = bytearray(path.read_bytes())
    spot = data.index(np.float64(5.0).tobytes())
    data[spot] ^= 1
    path.write_bytes(data)
    history = History(tmp_path)
    assert sorted(curve(history)) == [0, 1, 2, 3, 4, 6, 7, 8, 9]
    assert (history.damaged, history.status) == (1, "done")


def test_frames_of_unknown_types_are_passed_over(tmp_path):
    log = EventLog(tmp_path)
    log.scalars(1, {"loss": 1.0})
    with log.path.open("ab") as file:
        file.write(frames.frame(200, 9, 0.0, 1, b"from a later version"))
    log.scalars(2, {"loss": 2.0})
    log.close("done", "")
    history = History(tmp_path)
    assert curve(history) == {1: 1.0, 2: 2.0}
    assert (history.damaged, history.status) == (0, "done")


def test_files_that_are_no_logs_are_passed_over(tmp_path):
    (tmp_path / "r0.a1.tlog").write_bytes(b"something else entirely")
    (tmp_path / "notes.txt").touch()
    assert History(tmp_path).names() == []


def test_the_latest_attempt_wins_and_earlier_ones_are_ghosts(tmp_path):
    write(tmp_path, range(1, 9), outcome=None)
    write(tmp_path, range(5, 7), outcome=None, offset=0.1)
    write(tmp_path, range(6, 8), offset=0.2)
    history = History(tmp_path)
    assert curve(history) == {1: 1, 2: 2, 3: 3, 4: 4, 5: 5.1, 6: 6.2, 7: 7.2}
    ghosts = [(g.attempt, g.steps.tolist(), g.values.tolist()) for g in history.ghosts("loss")]
    assert ghosts == [(1, [5, 6, 7, 8], [5, 6, 7, 8]), (2, [6], [6.1])]
    assert history.last_step == 7


def test_an_attempt_that_logged_nothing_replaces_nothing(tmp_path):
    write(tmp_path, [1, 2], outcome=None)
    write(tmp_path, [], outcome="failed")
    history = History(tmp_path)
    assert curve(history) == {1: 1, 2: 2}
    assert history.status == "failed"


def test_ranks_are_kept_apart_and_the_lowest_speaks(tmp_path):
    write(tmp_path, [1, 2], rank=1, offset=0.5, outcome="failed")
    write(tmp_path, [1, 2, 3], rank=0)
    history = History(tmp_path)
    assert history.ranks == [0, 1]
    assert curve(history) == {1: 1, 2: 2, 3: 3}
    assert curve(history, writer="r1") == {1: 1.5, 2: 2.5}
    assert curve(history, writer="r2") == {}
    assert history.status == "done"


@pytest.mark.parametrize(
    ("outcome", "status"),
    [("done", "done"), ("early_stop", "done"), ("stopped", "stopped"), ("failed", "failed"), ("?", "failed")],
)
def test_the_outcome_becomes_the_status(tmp_path, outcome, status):
    write(tmp_path, [1], outcome=outcome)
    history = History(tmp_path)
    assert (history.status, history.reason) == (status, "because")


def test_a_run_lives_until_its_log_is_closed(tmp_path):
    assert History(tmp_path / "nowhere").status == "new"
    log = EventLog(tmp_path)
    history = History(tmp_path)
    assert history.status == "running"
    log.close("stopped", "asked to")
    assert history.status == "running"  # as of the last refresh
    history.refresh()
    assert (history.status, history.reason) == ("stopped", "asked to")


def test_a_log_that_is_not_started_yet_is_no_attempt(tmp_path):
    write(tmp_path, [1])
    (tmp_path / "r0.a2.tlog").touch()
    assert History(tmp_path).status == "done"


def test_a_cursor_gives_each_point_and_event_once(tmp_path):
    log, history, cursor = EventLog(tmp_path), History(tmp_path), None
    points, events = [], []
    for step in range(6):
        log.scalars(step, {"loss": float(step)})
        if step % 2:
            log.event("notice", step, {"number": step})
            log.scalars(step, {"eval/loss": float(step)})
        history.refresh()
        news = history.since(cursor)
        points += [(p.name, *pair) for p in news.points for pair in zip(p.steps, p.values, strict=True)]
        events += [event.step for event in news.events]
        # A server that was started anew reads the cursor that a client kept.
        cursor, history = json.loads(json.dumps(news.cursor)), History(tmp_path)
    log.close("done", "")
    assert sorted(points) == [("eval/loss", s, s) for s in (1, 3, 5)] + [("loss", s, s) for s in range(6)]
    assert events == [1, 3, 5]


def test_news_name_rank_and_attempt_with_times(tmp_path):
    write(tmp_path, [1, 2], outcome=None)
    cursor = History(tmp_path).since().cursor
    write(tmp_path, [2, 3], offset=0.5)
    write(tmp_path, [1], rank=3)
    news = History(tmp_path).since(cursor)
    assert [(p.writer, p.attempt, p.steps.tolist()) for p in news.points] == [("r0", 2, [2, 3]), ("r3", 1, [1])]
    assert all(len(p.times) == len(p.steps) and (np.diff(p.times) >= 0).all() for p in news.points)


def test_refresh_reads_only_what_was_appended(tmp_path):
    log = EventLog(tmp_path)
    log.scalars(1, {"loss": 1.0})
    history = History(tmp_path)
    # Damage to what was read already cannot be noticed by a reader that does not read it again.
    data = bytearray(log.path.read_bytes())
    size = len(data)
    with log.path.open("r+b") as file:
        file.write(bytes(size))
    log.scalars(2, {"loss": 2.0})
    history.refresh()
    assert curve(history) == {1: 1.0, 2: 2.0}
    log.close("done", "")


def test_a_file_system_without_locks_falls_back_on_age(tmp_path, monkeypatch):
    from whet.track.logs import liveness, logfile

    monkeypatch.setattr(liveness, "hold", lambda fd: False)
    log = EventLog(tmp_path)
    assert History(tmp_path).status == "running"
    monkeypatch.setattr(logfile, "STALE_S", -1.0)
    assert History(tmp_path).status == "killed"
    log.close("done", "")


# The third is the name under which an evaluation wrote before writers had names.
@pytest.mark.parametrize("name", ["evaluation", "reward-worker-3", "r1000000"])
def test_a_writer_beside_the_run_is_no_rank_of_it(tmp_path, name):
    for writer in (frames.RANK_0, name):
        log = EventLog(tmp_path, writer)
        log.scalars(1, {"loss": 1.0 if writer == frames.RANK_0 else 2.0})
        log.close("done" if writer == frames.RANK_0 else "failed", "")
    history = History(tmp_path)
    assert (history.ranks, history.status, curve(history)) == ([0], "done", {1: 1.0})
    other = "evaluation" if name == "r1000000" else name
    assert history.writers == ["r0", other]
    assert curve(history, writer=other) == {1: 2.0}


@pytest.mark.parametrize("name", ["", "../r0", "R0", "r0.a1", "a b", "0"])
def test_a_name_that_could_leave_the_folder_or_meet_another_is_refused(tmp_path, name):
    with pytest.raises(RunError, match="cannot name a writer"):
        EventLog(tmp_path, name)
    assert list(tmp_path.iterdir()) == []
