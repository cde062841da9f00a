"""A child has what this process was told, and nothing of what it does at the moment."""

from __future__ import annotations

import os
import signal
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from tests.nursery import Child, within
from tests.ranks import on_ranks

LOCK = threading.Lock()
SAID: list[str] = []


def is_free() -> bool:
    return LOCK.acquire(blocking=False)


def test_a_lock_that_is_held_here_is_free_in_a_child():
    with LOCK:
        assert Child(is_free).wait()


def threads() -> int:
    return len(os.listdir("/proc/self/task"))


def test_a_child_has_one_thread():
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    assert (threads() > 1, Child(threads).wait()) == (True, 1)
    ended.set()
    thread.join()


@contextmanager
def said(words: list[str]) -> Iterator[None]:
    SAID.extend(words)
    yield
    SAID.clear()


def of_a_child() -> tuple[list[str], str | None, str]:
    warnings.warn("no more", UserWarning, stacklevel=1)
    return [*SAID], os.environ.get("WHET_TEST_CHILD"), os.getcwd()


def test_contexts_warnings_environment_and_folder_are_those_of_now(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WHET_TEST_CHILD", "a")
    words = ["one"]
    with within(partial(said, words)), warnings.catch_warnings():
        words.append("two")
        warnings.simplefilter("ignore")
        assert Child(of_a_child, {"WHET_TEST_CHILD": "b"}).wait() == (["one", "two"], "b", str(tmp_path))
        warnings.simplefilter("error")
        with pytest.raises(AssertionError, match="UserWarning: no more"):
            Child(of_a_child).wait()
    assert not SAID


def test_a_killed_child_gives_nothing_and_its_signal():
    child = Child(partial(time.sleep, 60))
    child.kill()
    assert child.wait() is None and child.poll() == -signal.SIGKILL


def rank_of(refused: int) -> int:
    if (rank := int(os.environ["RANK"])) == refused:
        raise ValueError("not like this")
    return rank


def test_ranks_answer_in_order_and_what_one_fails_with_is_raised():
    assert on_ranks(3, rank_of, -1) == [0, 1, 2]
    with pytest.raises(AssertionError, match="ValueError: not like this"):
        on_ranks(2, rank_of, 1)
