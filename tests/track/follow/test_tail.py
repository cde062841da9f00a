"""Tail and delivery: every row once and in order, over restarts, torn ends, further attempts and writers."""

from __future__ import annotations

import json
import os

import pytest

from whet.track.follow import tail as tails
from whet.track.follow.delivery import Delivery, Memory, hand_over
from whet.track.follow.plugin import Follower, Logged
from whet.track.follow.tail import Tail
from whet.track.logs import frames
from whet.track.logs.event_log import EventLog
from whet.track.script.plain import to_json


def steps(items):
    return [item.step for item in items if isinstance(item, Logged)]


def test_rows_and_events_come_in_the_order_written(tmp_path):
    log = EventLog(tmp_path)
    log.event("first", 0, {"n": 1})
    for step in range(40):
        log.scalars(step, {"loss": step, "lr": 1.0} if step % 3 else {"loss": step})
    log.event("last", 40, {})
    items = Tail(tmp_path).read()
    assert steps(items) == list(range(40))
    assert [items[0].kind, items[-1].kind] == ["first", "last"]
    assert items[5].values == {"loss": 4.0, "lr": 1.0} and items[4].values == {"loss": 3.0}


@pytest.mark.parametrize("piece", [64, 300, 1 << 20])
def test_nothing_is_lost_or_told_twice_whatever_is_read_at_once(tmp_path, monkeypatch, piece):
    """Each reading starts from a cursor that has been JSON, as after a kill."""
    monkeypatch.setattr(tails, "_PIECE_BYTES", piece)
    log, cursor, found, written = EventLog(tmp_path), {}, [], 0
    for burst in (1, 30, 0, 7, 50):
        for _ in range(burst):
            log.scalars(written, {"loss": written})
            written += 1
        log.event("text", written, {"text": "x" * 500})
        while True:
            tail = Tail(tmp_path, cursor)
            items = tail.read()
            cursor = json.loads(to_json(tail.cursor()))
            found += items
            if not items:
                break
    assert steps(found) == list(range(written)) and sum(not isinstance(item, Logged) for item in found) == 5


def test_a_torn_end_waits_for_its_rest(tmp_path):
    log = EventLog(tmp_path)
    log.scalars(0, {"loss": 1.0})
    log.scalars(1, {"loss": 1.0})
    whole = log.path.read_bytes()
    log.close("done", "")
    log.path.write_bytes(whole[:-5])
    tail = Tail(tmp_path)
    assert steps(tail.read()) == [0]
    log.path.write_bytes(whole)
    assert steps(tail.read()) == [1]


def test_a_damaged_frame_is_passed_over(tmp_path):
    log = EventLog(tmp_path)
    for step in range(30):
        log.scalars(step, {"loss": step})
    log.close("done", "")
    data = bytearray(log.path.read_bytes())
    data[len(data) // 2] ^= 255
    log.path.write_bytes(data)
    assert len(steps(Tail(tmp_path).read())) == 29


def test_it_is_over_with_the_end_or_the_death_of_the_newest_attempt(tmp_path):
    first = EventLog(tmp_path)
    tail = Tail(tmp_path)
    tail.read()
    assert not tail.is_over and tail.attempt == 1
    first._abandon()  # what the kernel does to a killed process
    tail.read()
    assert tail.is_over
    second = EventLog(tmp_path)
    tail.read()
    assert not tail.is_over and tail.attempt == 2
    second.close("done", "")
    tail.read()
    assert tail.is_over and tail.is_settled


def test_a_writer_that_goes_on_behind_its_end_is_followed_on(tmp_path):
    log = EventLog(tmp_path)
    log.scalars(0, {"loss": 1.0})
    log.close("done", "")
    tail = Tail(tmp_path)
    assert steps(tail.read()) == [0] and tail.is_over
    again = EventLog.reopened(log.path)
    again.scalars(1, {"loss": 1.0})
    assert steps(tail.read()) == [1] and not tail.is_over
    again.close("done", "")


def test_what_followers_write_is_told_to_none(tmp_path):
    EventLog(tmp_path, tails.FOLLOWER).event("notice", 0, {"text": "about a plug-in"})
    assert Tail(tmp_path).read() == []


def test_other_writers_have_their_names_before_their_curves(tmp_path):
    for writer in (frames.RANK_0, "r1"):
        EventLog(tmp_path, writer).scalars(0, {"loss": 1.0})
    assert [row.named() for row in Tail(tmp_path).read()] == [{"loss": 1.0}, {"r1/loss": 1.0}]


class Killed(BaseException):
    pass


class Told(Follower):
    """Remembers what it is told, and dies where it is asked to."""

    def __init__(self, dies_at=None):
        self.heard, self.dies_at, self.known = [], dies_at, None

    def start(self, run, state):
        self.known, self.before = dict(state), state.get("count", 0)

    def log(self, rows):
        for row in rows:
            if row.step == self.dies_at:
                raise Killed
        self.heard += [row.step for row in rows]

    def event(self, event):
        self.heard.append(event.kind)

    def media(self, event):
        self.heard.append("media")

    def finish(self, ending):
        self.heard.append((ending.status, ending.reason))

    def state(self):
        return {"count": self.before + len(self.heard)}


def test_a_plug_in_goes_on_where_its_cursor_was_stored(tmp_path):
    log = EventLog(tmp_path / "track")
    memory, first = Memory(tmp_path / "state"), Told()
    delivery = Delivery(tmp_path, first, memory, print)
    log.scalars(0, {"loss": 1.0})
    delivery.pump()
    log.scalars(1, {"loss": 1.0})
    dying = Told(dies_at=1)
    with pytest.raises(Killed):
        Delivery(tmp_path, dying, memory, print).pump()
    log.close("done", "enough")
    last = Told()
    hand_over(tmp_path, last, print, memory)
    assert first.heard == [0] and dying.heard == []
    assert last.heard == [1, ("done", "enough")] and last.known == {"count": 1}
    again = Told()
    hand_over(tmp_path, again, print, memory)
    assert again.heard == []


def test_a_state_that_cannot_be_read_starts_anew_and_one_of_a_longer_log_too(tmp_path):
    log = EventLog(tmp_path / "track")
    log.scalars(0, {"loss": 1.0})
    log.close("done", "")
    memory = Memory(tmp_path / "state")
    memory.path.write_text("{")
    hand_over(tmp_path, told := Told(), print, memory)
    assert told.heard[0] == 0
    stored = json.loads(memory.path.read_text())
    stored["cursor"]["r0.a1.tlog"]["offset"] += os.stat(log.path).st_size
    memory.path.write_text(json.dumps(stored))
    hand_over(tmp_path, told := Told(), print, memory)
    assert told.heard == [0]


def test_a_damaged_state_is_told_set_aside_and_replaced_by_the_one_before(tmp_path):
    log = EventLog(tmp_path / "track")
    memory, said = Memory(tmp_path / "state"), []
    delivery = Delivery(tmp_path, Told(), memory, print)
    for step in range(3):
        log.scalars(step, {"loss": 1.0})
        delivery.pump()
    log.close("done", "")
    memory.path.write_bytes(memory.path.read_bytes()[:-9])
    again = Told()
    hand_over(tmp_path, again, lambda *told: said.append(told), memory)
    assert again.heard == [2, ("done", "")]  # what the state of before did not know, and no more
    assert [level for level, _ in said] == ["warning"] and "state" in said[0][1]
    assert (tmp_path / "state.damaged").exists()


def test_each_attempt_is_finished_once(tmp_path):
    memory, endings = Memory(tmp_path / "state"), []
    for outcome in ("failed", "done"):
        log = EventLog(tmp_path / "track")
        log.scalars(0, {"loss": 1.0})
        log.close(outcome, "")
        hand_over(tmp_path, told := Told(), print, memory)
        endings += [one for one in told.heard if isinstance(one, tuple)]
    assert endings == [("failed", ""), ("done", "")]


def test_a_run_folder_that_is_removed_stays_so(tmp_path):
    import shutil

    log = EventLog(tmp_path / "run" / "track")
    log.scalars(0, {"loss": 1.0})
    delivery = Delivery(tmp_path / "run", Told(), Memory(tmp_path / "run" / "follow" / "state"), print)
    shutil.rmtree(tmp_path / "run")
    delivery.pump()
    with pytest.raises(OSError):
        delivery.store()
    assert not (tmp_path / "run").exists()
