"""Long work: so much at once, so much that waits, and what nobody waits for any more is ended where others wait."""

import threading

import pytest

from whet.base.workers import Outcome, Workers
from whet.server import heavy
from whet.server.errors import Refusal
from whet.server.heavy import Heavy
from whet.server.turns import Turns


def test_one_too_many_is_told_when_to_come_again():
    turns = Turns(at_once=1, waiting=1)
    inside, go_on, done = threading.Semaphore(0), threading.Event(), []

    def work() -> None:
        with turns.taken():
            inside.release()
            go_on.wait(20)
            done.append(1)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert inside.acquire(timeout=20)
    while turns._num < 2:
        threads[1].join(0.01)
    with pytest.raises(Refusal) as refused, turns.taken():
        pass
    assert refused.value.status == 503 and int(refused.value.headers["Retry-After"]) > 0
    assert done == []  # the second waits for its turn
    go_on.set()
    for thread in threads:
        thread.join()
    with turns.taken():
        assert done == [1, 1]


class Processes:
    """In the place of worker processes: calls that nobody answers before they are told to."""

    def __init__(self, *_, **__) -> None:
        self.asked: list = []

    def submit(self, name, arguments, timeout_s, *, is_wanted):
        from concurrent.futures import Future

        waiting: Future[Outcome] = Future()
        self.asked.append((waiting, is_wanted))
        return waiting

    def close(self) -> None:
        pass


def test_what_a_client_that_has_gone_has_asked_for_is_not_begun(monkeypatch):
    monkeypatch.setattr(heavy, "Workers", Processes)
    monkeypatch.setattr(heavy, "LOOK_S", 0.01)
    one = Heavy()
    with pytest.raises(Refusal, match="gone"):
        one.ask(heavy.heavy_calls.data_page, (), lambda: True)
    [(waiting, is_wanted)] = one._workers.asked
    assert waiting.cancelled() and is_wanted()  # nobody waits for a process


def test_what_has_begun_is_ended_where_another_waits_for_its_process(monkeypatch):
    monkeypatch.setattr(heavy, "Workers", Processes)
    monkeypatch.setattr(heavy, "LOOK_S", 0.01)
    one, has_gone, told = Heavy(), threading.Event(), []

    def ask(is_gone) -> None:
        try:
            told.append(one.ask(heavy.heavy_calls.data_page, (), is_gone))
        except Refusal as refusal:
            told.append(refusal.message)

    first = threading.Thread(target=ask, args=(has_gone.is_set,))
    first.start()
    while one._workers is None or not one._workers.asked:
        first.join(0.01)
    waiting, is_wanted = one._workers.asked[0]
    waiting.set_running_or_notify_cancel()
    has_gone.set()
    first.join()
    assert told == ["whoever asked has gone"] and is_wanted()
    second = threading.Thread(target=ask, args=(lambda: False,))
    second.start()
    while len(one._workers.asked) < 2:
        second.join(0.01)
    assert not is_wanted()
    one._workers.asked[1][0].set_result(Outcome(7))
    second.join()
    assert told[1:] == [7]


def test_a_call_that_is_not_wanted_any_more_ends_with_its_process():
    import time

    workers = Workers({"sleep": time.sleep}, num=1)
    try:
        assert workers.submit("sleep", (60,), 60.0, is_wanted=lambda: False).result(60).reason == "unwanted"
        assert workers.submit("sleep", (0,), 60.0, is_wanted=lambda: True).result(60) == Outcome()
    finally:
        workers.close()
