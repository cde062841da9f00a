"""Rollouts ahead of their turn: what is asked for when, in which order they are made, and a stall that is mended."""

from __future__ import annotations

import threading
import time

import pytest

from tests.generate.server import serving
from whet.base.errors import ModelError, RunError
from whet.generate.http import Endpoint
from whet.generate.prefetch import Abandoned, Ahead, Watch


def line(make, **watch):
    """Things that `make(number, progress)` makes."""
    return Ahead(lambda number: lambda progress: make(number, progress), Watch(**watch))


def test_the_next_are_asked_for_while_one_is_used_and_made_one_after_the_other():
    asked, begun, go = [], [], threading.Event()

    def ask(number):
        asked.append((number, threading.current_thread() is threading.main_thread()))

        def make(progress):
            begun.append(number)
            if number == 1:
                go.wait(10)
            return number * 10

        return make

    ahead = Ahead(ask, Watch())
    assert ahead.take(0, ahead=2) == 0
    time.sleep(0.1)
    assert asked == [(0, True), (1, True), (2, True)] and begun == [0, 1]  # the third waits for the second
    go.set()
    assert ahead.take(1, ahead=2) == 10 and ahead.take(2, ahead=0) == 20
    assert [number for number, _ in asked] == [0, 1, 2, 3]


def test_what_is_asked_for_has_the_weights_of_that_moment():
    weights = [0]

    def ask(number):
        held = weights[0]
        return lambda progress: held

    ahead = Ahead(ask, Watch())
    found = []
    for number in range(4):
        weights[0] = number
        found.append(ahead.take(number, ahead=1))
    assert found == [0, 0, 1, 2]


def test_what_is_on_its_way_is_kept_and_taken_from_where_it_was_kept():
    ahead = line(lambda number, progress: number * 10)
    ahead.take(0, ahead=2)
    held = ahead.settled()
    assert held == {1: 10, 2: 20}
    again = line(lambda number, progress: -1)
    again.restore(held)
    assert [again.take(number) for number in (1, 2, 3)] == [10, 20, -1]


def test_a_stall_is_reported_with_what_it_waits_for_and_begun_anew():
    said, tries, mended = [], [], []

    def make(number, progress):
        tries.append(number)
        progress.at("turn 2 of 3")
        if len(tries) == 1:
            time.sleep(30)
        return "done"

    ahead = line(
        make, timeout_s=1, say=said.append, waiting=lambda: ["POST http://x for 9 s"], again=lambda: mended.append(1)
    )
    assert ahead.take(0) == "done"
    assert said == [
        "rollout 0 made no progress for 1 s in turn 2 of 3; on their way: POST http://x for 9 s; begun anew (1 of 2)"
    ]
    assert ahead.num_restarted == 1 and mended == [1]


def test_one_that_nobody_waits_for_ends_when_it_reports_again():
    ended, tries = threading.Event(), []

    def make(number, progress):
        tries.append(number)
        if len(tries) > 1:
            return "done"
        time.sleep(1.5)
        try:
            progress.at("the next token")
        except Abandoned:
            ended.set()
            raise

    assert line(make, timeout_s=1).take(0) == "done"
    assert ended.wait(5)


def test_progress_and_the_time_before_its_turn_are_no_stall():
    def make(number, progress):
        for turn in range(4):
            progress.at(f"turn {turn}")
            time.sleep(0.45)
        return "done"

    ahead = line(make, timeout_s=1.5)
    assert [ahead.take(number, ahead=1) for number in range(2)] == ["done"] * 2 and ahead.num_restarted == 0


def test_one_that_always_stalls_or_fails_ends_with_the_reason():
    ahead = line(lambda number, progress: time.sleep(30), timeout_s=0.1, restarts=1)
    with pytest.raises(RunError, match=r"made no progress for 0.1 s in its start \(after 2 tries\)") as error:
        ahead.take(0)
    assert "rollout.timeout_s" in error.value.hint
    said = []

    def fail(number, progress):
        raise RunError("no such server", hint="curl it")

    with pytest.raises(RunError, match=r"rollout 7 failed: no such server \(after 3 tries\)") as error:
        line(fail, say=said.append).take(7)
    assert len(said) == 2 and error.value.hint == "curl it" and not any("curl" in one for one in said)


def test_an_error_that_trying_again_would_not_mend_is_raised_at_once():
    tries = []

    def fail(number, progress):
        tries.append(number)
        raise ModelError("not numbers")

    with pytest.raises(ModelError, match="not numbers"):
        line(fail).take(0)
    assert tries == [0]


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

        ahead = line(make, timeout_s=0.5, say=said.append, waiting=endpoint.waiting)
        assert ahead.take(0) == "hi"
    assert f"POST {served.url}/completions [whet-rollout-0]" in said[0]
