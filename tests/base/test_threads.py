"""Threads: calls run side by side, fail by themselves, and hold no process that is to end."""

import subprocess
import sys
import threading
import time
from concurrent.futures import CancelledError

import pytest

from whet.base.threads import Threads


def test_calls_run_side_by_side_on_as_many_threads_as_there_are():
    threads, together = Threads(3, "test"), threading.Barrier(3)

    def meet(number):
        together.wait(20)
        return number, threading.current_thread().name

    found = [threads.submit(meet, number) for number in range(9)]
    results = [future.result(20) for future in found]
    assert [number for number, _ in results] == list(range(9))
    assert {name for _, name in results} == {"test-1", "test-2", "test-3"}
    threads.close()


def test_one_thread_does_where_calls_come_one_by_one():
    threads = Threads(8, "test")
    names = set()
    for _ in range(5):
        names.add(threads.submit(lambda: threading.current_thread().name).result(20))
        time.sleep(0.02)  # until it waits again
    assert names == {"test-1"}
    threads.close()


def test_what_a_call_raises_is_raised_by_its_future_alone():
    threads = Threads(1, "test")
    broken, fine = threads.submit(lambda: 1 / 0), threads.submit(lambda: 2)
    with pytest.raises(ZeroDivisionError):
        broken.result(20)
    assert fine.result(20) == 2
    threads.close()


def test_closing_cancels_what_waits_and_takes_no_more():
    threads, goes_on = Threads(1, "test"), threading.Event()
    running, waiting = threads.submit(goes_on.wait, 20), threads.submit(time.time)
    while not running.running():
        time.sleep(0.01)
    threads.close()
    goes_on.set()
    assert running.result(20) is True
    with pytest.raises(CancelledError):
        waiting.result(20)
    with pytest.raises(RuntimeError, match="closed"):
        threads.submit(time.time)


def test_a_call_that_hangs_does_not_keep_the_process():
    program = (
        "import threading, time\nfrom whet.base.threads import Threads\nbegun = threading.Event()\n"
        "def hang():\n    begun.set(); time.sleep(600)\n"
        "Threads(2, 'test').submit(hang); begun.wait(); print('the end')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout == "the end\n" and done.returncode == 0, done.stderr
