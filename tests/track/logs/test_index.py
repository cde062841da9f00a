"""Indexes and pyramids: what is shown of a long curve is what the log says, however it was read before."""

import json
import math
import os
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whet.base import own_key
from whet.track.logs import frames, index, logfile, pyramid, sidecar
from whet.track.logs.event_log import EventLog
from whet.track.logs.pyramid import SIZE, Level, Pyramid
from whet.track.logs.scan import Rows
from whet.track.reading import listing_file
from whet.track.reading.read import History


@pytest.fixture
def small_indexes(monkeypatch):
    """Indexes are written after a few frames, and curves of a few points shown in buckets."""
    monkeypatch.setattr(logfile, "_INDEX_BYTES", 500)
    monkeypatch.setattr("whet.track.reading.read._FEW", 10)


def rows(values: np.ndarray, start: int = 0) -> Rows:
    place = np.arange(start, start + len(values))
    return Rows(("x",), place * 10, place.astype(float), place, values[:, None])


VALUES = st.lists(st.floats(width=32) | st.sampled_from([math.nan, math.inf, -math.inf]), min_size=1, max_size=400)


@given(VALUES, st.lists(st.integers(1, 150), min_size=1, max_size=5), st.integers(1, 9))
def test_buckets_hold_the_extremes_and_means_of_their_points(values, pieces, most):
    array, made, place = np.array(values), Pyramid(("x",)), 0
    while place < len(array):
        for piece in pieces:
            if place < len(array):
                made.add(rows(array[place : place + piece], place))
                place += piece
    level = made.level("x")
    assert level is not None and made.num_rows == len(array)
    chunks = [array[start : start + SIZE] for start in range(0, len(array), SIZE)]
    for chunk, low, high, mean in zip(chunks, level.low[0], level.high[0], level.mean[0], strict=True):
        numbers = chunk[~np.isnan(chunk)]
        if len(numbers) == 0:
            assert math.isnan(low) and math.isnan(high) and math.isnan(mean)
            continue
        assert (low, high) == (numbers.min(), numbers.max())
        with np.errstate(all="ignore"):
            assert np.isclose(mean, numbers.mean(), rtol=1e-9, atol=1e-300, equal_nan=True)
    shown = level.at_most(most)
    assert len(shown) == min(most, len(level))
    assert (shown.first_steps[0], shown.last_steps[-1]) == (0, len(array) - 1)
    if not np.isnan(array).all():
        assert (np.nanmin(shown.low), np.nanmax(shown.high)) == (np.nanmin(array), np.nanmax(array))


def fill(log: EventLog, start: int, stop: int) -> None:
    for step in range(start, stop):
        log.scalars(step, {"loss": 1.0 / (step + 1), "odd": math.nan if step % 3 else math.inf})
        if step % 7 == 0:
            log.scalars(step, {"eval/loss": float(step)})
        if step % 50 == 0:
            log.event("notice", step, {"text": str(step)})


def everything(history: History) -> dict:
    found = {name: [array.tolist() for array in history.scalar(name)] for name in history.names()}
    shown = {name: [array.tolist() for array in history.curve(name, 9).arrays()] for name in history.names()}
    return {
        "curves": repr(found), "shown": repr(shown), "events": [(e.step, e.payload) for e in history.events()],
        "state": (history.status, history.reason, history.last_step, history.damaged, history.spans),
        "recent": repr([history.recent(name).tolist() for name in history.names()]),
    }  # fmt: skip


def test_a_log_read_by_its_index_is_as_one_read_whole(tmp_path, small_indexes, monkeypatch):
    log, follower = EventLog(tmp_path), History(tmp_path)
    path = log.path.with_suffix(index.SUFFIX)
    for start in range(0, 600, 75):
        fill(log, start, start + 75)
        follower.refresh()
        assert path.exists()
        by_index = everything(History(tmp_path))
        kept = path.read_bytes()
        path.unlink()
        with monkeypatch.context() as patched:
            patched.setattr(index, "write", lambda *_: False)
            whole = everything(History(tmp_path))
        path.write_bytes(kept)
        assert by_index == whole == everything(follower)
    log.close("done", "because")
    assert History(tmp_path).status == "done"


def test_what_the_index_covers_is_not_read_again(tmp_path, small_indexes):
    log = EventLog(tmp_path)
    fill(log, 0, 300)
    before = History(tmp_path).curve("loss", 9)
    data = bytearray(log.path.read_bytes())
    data[4000:5000] = bytes(1000)
    log.path.write_bytes(data)
    again = History(tmp_path)
    assert [array.tolist() for array in again.curve("loss", 9).arrays()] == [a.tolist() for a in before.arrays()]
    assert again.damaged == 0


@pytest.mark.parametrize("where", [3, 9, 13, 40, -1, "cut", "empty", "other", "older"])
def test_an_index_that_does_not_fit_is_passed_over(tmp_path, small_indexes, where):
    log = EventLog(tmp_path)
    fill(log, 0, 300)
    expected = everything(History(tmp_path))
    path = log.path.with_suffix(index.SUFFIX)
    data = bytearray(path.read_bytes())
    match where:
        case "cut":
            data = data[:-9]
        case "empty":
            data = bytearray()
        case "other":  # the index of another log
            other = EventLog(tmp_path / "other")
            fill(other, 5, 300)
            History(tmp_path / "other")
            data = bytearray(other.path.with_suffix(index.SUFFIX).read_bytes())
        case "older":  # of a log that was longer
            log.path.write_bytes(log.path.read_bytes()[:2000])
            expected = None
        case place:
            data[place] ^= 0x55
    path.write_bytes(data)
    found = everything(History(tmp_path))
    assert found == expected if expected else found["state"][2] < 100


def forged(path, of, change) -> None:
    """Change an index and put right all its sums, as somebody who has read this code would."""
    header, data, body = sidecar.read(path, of, index.MAGIC)
    change(header)
    header = {name: value for name, value in header.items() if name != "birth"}
    made = json.dumps({"birth": zlib.crc32(of.read_bytes()[:256]), **header}).encode()
    seal = path.read_bytes()[16 : 16 + own_key.SEAL_BYTES]
    head = struct.pack("<8sII32s", index.MAGIC, len(made), zlib.crc32(made), seal)
    path.write_bytes(head + made + data[body:])


@pytest.mark.case("B1")
def test_an_index_that_somebody_else_has_made_hides_no_row(tmp_path, small_indexes, monkeypatch):
    log = EventLog(tmp_path)
    fill(log, 0, 300)
    expected = everything(History(tmp_path))
    path = log.path.with_suffix(index.SUFFIX)
    forged(path, log.path, lambda header: header.update(pyramids=[]))
    assert everything(History(tmp_path)) == expected
    own = path.read_bytes()
    assert sidecar.read(path, log.path, index.MAGIC) is not None  # made anew, and ours
    monkeypatch.setenv("WHET_KEYRING", str(tmp_path / "other" / "keyring.toml"))
    assert sidecar.read(path, log.path, index.MAGIC) is None  # another user's, in a folder of mine
    monkeypatch.setattr(own_key.os, "geteuid", lambda: os.getuid() + 1)
    assert sidecar.read(path, log.path, index.MAGIC) is not None  # as their log is
    assert path.read_bytes() == own


def test_where_no_key_can_be_kept_there_is_no_index_and_no_row_is_missing(tmp_path, small_indexes, monkeypatch):
    log = EventLog(tmp_path / "run")
    fill(log, 0, 300)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("WHET_KEYRING", str(tmp_path / "file" / "keyring.toml"))
    assert len(History(tmp_path / "run").scalar("loss")[0]) == 300
    assert [path.name for path in (tmp_path / "run").iterdir()] == [log.path.name]


def test_a_folder_that_cannot_be_written_is_read_without_an_index(tmp_path, small_indexes, monkeypatch):
    log = EventLog(tmp_path)
    fill(log, 0, 300)
    monkeypatch.setattr(sidecar.os, "replace", lambda *_: (_ for _ in ()).throw(PermissionError()))
    assert len(History(tmp_path).scalar("loss")[0]) == 300
    assert [path.name for path in tmp_path.iterdir()] == [log.path.name]


def test_a_resumed_run_is_shown_without_what_it_went_over_again(tmp_path, small_indexes):
    for attempt, (start, stop) in enumerate([(0, 1000), (640, 1200)]):
        log = EventLog(tmp_path)
        for step in range(start, stop):
            log.scalars(step, {"loss": float(attempt)})
        log.close("done", "")
    shown = History(tmp_path).curve("loss", 100)
    assert shown.last_steps.tolist() == sorted(shown.last_steps.tolist())
    assert (shown.high[0][shown.last_steps < 640] == 0).all() and (shown.low[0][shown.first_steps >= 640] == 1).all()
    assert len(shown) == 640 // SIZE + math.ceil(560 / SIZE)


def test_short_curves_are_shown_point_by_point(tmp_path):
    log = EventLog(tmp_path)
    fill(log, 0, 30)
    shown = History(tmp_path).curve("loss")
    assert shown.low[0].tolist() == shown.high[0].tolist() == [1 / (step + 1) for step in range(30)]


@pytest.mark.parametrize("spot", ["length", "type", "body", "many"])
def test_a_break_costs_what_it_covers_and_is_told_with_its_place(tmp_path, spot):
    log = EventLog(tmp_path)
    starts = []
    for step in range(100):
        starts.append(log.path.stat().st_size)
        log.scalars(step, {"loss": float(step)})
    log.close("done", "")
    data = bytearray(log.path.read_bytes())
    place = starts[50]
    match spot:
        case "length":
            data[place : place + 4] = b"\xff\xff\xff\x7f"
        case "type":
            data[place + 8] ^= 1
        case "body":
            data[place + 20] ^= 1
        case "many":
            data[place : starts[53]] = bytes(starts[53] - place)
    log.path.write_bytes(data)
    history = History(tmp_path)
    lost = range(50, 53) if spot == "many" else [50]
    assert history.scalar("loss")[0].tolist() == [step for step in range(100) if step not in lost]
    assert history.status == "done"
    end = starts[53] if spot == "many" else starts[51]
    (name, offset, num_bytes), *more = history.breaks
    assert (name, offset) == (log.path.name, place)
    assert offset + num_bytes + sum(size for _, _, size in more) == end


def test_a_log_of_a_newer_format_is_read_as_far_as_it_is_known(tmp_path):
    log = EventLog(tmp_path)
    fill(log, 0, 20)
    with log.path.open("ab") as file:
        file.write(frames.frame(77, 0, 0.0, 1, b"of a later version"))
    fill(log, 20, 30)
    data = log.path.read_bytes()
    log.path.write_bytes(frames.MAGIC[:-1] + b"2" + data[len(frames.MAGIC) :])
    history = History(tmp_path)
    assert history.newer == [log.path.name]
    assert len(history.scalar("loss")[0]) == 30


def test_levels_of_nothing_are_refused_nowhere():
    empty = Level.of_points(np.empty(0, np.int64), np.empty(0))
    assert len(empty.at_most(5)) == 0 and pyramid.Pyramid(("x",)).level("x") is None


def mixed(log: EventLog, seed: int) -> None:
    """Rows of several schemas that share names, and events between them."""
    random = np.random.default_rng(seed)
    for step in range(400):
        names = [("loss", "lr"), ("loss",), ("lr", "acc")][int(random.integers(3))]
        log.scalars(step, {name: float(random.normal()) for name in names})
        if step % 7 == 0:
            log.event("note", step, {"text": "x" * int(random.integers(40))})


@pytest.mark.parametrize("seed", range(3))
def test_a_log_of_which_little_is_kept_says_the_same(tmp_path, small_indexes, seed):
    """Also where a writer that went on has given numbers of schemas another meaning, and behind any cursor."""
    log = EventLog(tmp_path)
    mixed(log, seed)
    log.leave()
    little = History(tmp_path, most_bytes=1000)
    cursors = [little.offsets]
    log = EventLog.reopened(log.path)
    log.scalars(400, {"acc": 1.0})
    mixed(log, seed + 1)
    cursors.append(History(tmp_path).offsets)
    log.scalars(999, {"loss": 2.0, "lr": 3.0})
    little.refresh()
    log.close("done", "")
    little.refresh()
    whole = History(tmp_path)
    assert little.names() == whole.names()
    for name in whole.names():
        for one, other in zip(little.points(name), whole.points(name), strict=True):
            assert one.steps.tolist() == other.steps.tolist() and one.values.tolist() == other.values.tolist()
        assert little.recent(name).tolist() == whole.recent(name).tolist() == whole.scalar(name)[1][-64:].tolist()
    assert little.events() == whole.events()
    for cursor in cursors:
        found, expected = little.since(cursor), whole.since(cursor)
        assert [(p.name, p.steps.tolist(), p.values.tolist()) for p in found.points] == [
            (p.name, p.steps.tolist(), p.values.tolist()) for p in expected.points
        ]
        assert found.events == expected.events


def test_what_is_kept_of_a_log_does_not_grow_with_it(tmp_path, small_indexes):
    log = EventLog(tmp_path)
    fill(log, 0, 100)
    little, sizes = History(tmp_path, most_bytes=4000), []
    for start in range(100, 3000, 100):
        fill(log, start, start + 100)
        little.refresh()
        sizes.append(sum(one.offset - one._kept_from + one._event_bytes for one in little._logs.values()))
    assert max(sizes) <= 4000 and len(little.scalar("loss")[0]) == 3000


def test_a_sidecar_of_holes_is_passed_over_and_not_read_into_memory(tmp_path):
    log, beside = tmp_path / "a.log", tmp_path / "a.index"
    log.write_bytes(b"x" * 300)
    beside.touch()
    os.truncate(beside, 2**42)  # more than any machine that tests has: reading it whole is a MemoryError
    assert sidecar.read(beside, log, index.MAGIC) is None
    beside.rename(tmp_path / listing_file.FILE)
    (tmp_path / listing_file.LOGS).mkdir()
    (tmp_path / listing_file.FILE).rename(tmp_path / listing_file.LOGS / listing_file.FILE)
    assert listing_file.read(tmp_path, b"x") is None
