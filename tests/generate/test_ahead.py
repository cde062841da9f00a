"""Rollouts ahead of their turn: what is asked for when, how old it may be, and a stall that is named and mended."""

from __future__ import annotations

import threading
import time

import pytest

from tests.generate.server import serving
from whet.base.errors import RunError
from whet.generate.ahead import Ahead
from whet.generate.http import Endpoint


def test_the_next_are_on_their_way_while_one_is_used_and_no_more_than_the_bound():
    started, go = [], threading.Event()

    def make(number, progress):
        started.append(number)
        if number > 0:
            go.wait(10)
        return number * 10

    ahead = Ahead(make, staleness=2)
    first = ahead.take(0, version=0)
    time.sleep(0.1)
    assert (first.value, first.version) == (0, 0) and sorted(started) == [0, 1, 2]
    go.set()
    second = ahead.take(1, version=1)
    assert (second.value, second.version) == (10, 0)  # asked for a version ago: its staleness is 1
    assert ahead.take(2, version=2).version == 0 and ahead.take(3, version=3).version == 1


def test_nothing_is_older_than_the_bound():
    weights = [0]
    ahead = Ahead(lambda number, progress: weights[0], staleness=1)
    for number, version in enumerate([0, 1, 5, 6, 9]):
        weights[0] = version
        made = ahead.take(number, version)
        assert version - made.version <= 1
    assert ahead.num_stale == 2


def test_without_staleness_each_is_made_when_it_is_due():
    weights = [0]
    ahead = Ahead(lambda number, progress: weights[0], staleness=0)
    for version in range(4):
        weights[0] = version
        assert ahead.take(version, version).value == version


def test_a_stall_is_reported_with_what_it_waits_for_and_asked_for_again():
    said, tries = [], []

    def make(number, progress):
        tries.append(number)
        progress.at("turn 2 of 3")
        if len(tries) == 1:
            time.sleep(30)
        return "done"

    ahead = Ahead(make, staleness=0, timeout_s=0.3, say=said.append, waiting=lambda: ["POST http://x for 9 s"])
    assert ahead.take(0, 0).value == "done"
    assert said == [
        "rollout 0 made no progress for 0.3 s in turn 2 of 3; on their way: POST http://x for 9 s; "
        "asked for again (1 of 2)"
    ]
    assert ahead.num_restarted == 1


def test_progress_is_no_stall():
    def make(number, progress):
        for turn in range(6):
            progress.at(f"turn {turn}")
            time.sleep(0.1)
        return "done"

    ahead = Ahead(make, staleness=0, timeout_s=0.4)
    assert ahead.take(0, 0).value == "done" and ahead.num_restarted == 0


def test_a_request_that_always_stalls_or_fails_ends_with_the_reason():
    ahead = Ahead(lambda number, progress: time.sleep(30), staleness=0, timeout_s=0.1, restarts=1)
    with pytest.raises(RunError, match=r"made no progress for 0.1 s in its start \(after 2 tries\)"):
        ahead.take(0, 0)
    said = []

    def fail(number, progress):
        raise RunError("no such model")

    with pytest.raises(RunError, match=r"rollout 7 failed: no such model \(after 3 tries\)"):
        Ahead(fail, staleness=0, say=said.append).take(7, 0)
    assert len(said) == 2


def test_what_a_real_request_waits_for_is_in_the_report():
    said, hang = [], threading.Event()

    def answer(path, body):
        if not hang.is_set():
            hang.set()
            time.sleep(2)
        return "hi", [], "stop", 1

    with serving(answer) as served:
        endpoint = Endpoint(served.url)

        def make(number, progress):
            return endpoint.post("/completions", {"max_tokens": 1})["choices"][0]["text"]

        ahead = Ahead(make, staleness=0, timeout_s=0.5, say=said.append, waiting=endpoint.waiting)
        assert ahead.take(0, 0).value == "hi"
    assert f"POST {served.url}/completions [whet-rollout-0]" in said[0]
