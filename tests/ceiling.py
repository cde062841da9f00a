"""A test that hangs fails by its name, with the stacks of all threads on stderr; the others go on where they can."""

from __future__ import annotations

import faulthandler
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

# Far beyond what any takes on a machine that others use: nothing is asserted of a time here, but that it ends.
CEILING_S, SLOW_CEILING_S = 300.0, 3600.0
# Times the ceiling: what no exception gets out of ends with its worker, and xdist names the test. The Makefile lets no
# other worker follow, since that would try the same test again (pytest-xdist 3.8, --dist loadfile).
_STUCK = 1.2


class Ceiling:
    """A pytest plugin: setup, call and teardown of a test have the ceiling each."""

    def __init__(self) -> None:
        self._stderr = os.dup(2)  # what tests write to the other one is kept for their reports

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Iterator[None]:
        with self._below(item):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        with self._below(item):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Iterator[None]:
        with self._below(item):
            return (yield)

    @contextmanager
    def _below(self, item: pytest.Item) -> Iterator[None]:
        is_slow = any(item.get_closest_marker(name) for name in ("slow", "gpu", "architecture"))
        ceiling_s = SLOW_CEILING_S if is_slow else item.config.getoption("ceiling")

        def hang(number: int, frame: object) -> None:
            faulthandler.dump_traceback(self._stderr)
            pytest.fail(f"took longer than {ceiling_s:.0f} s: it hangs. The stacks of its threads are on stderr")

        before = signal.signal(signal.SIGALRM, hang)
        signal.setitimer(signal.ITIMER_REAL, ceiling_s)
        faulthandler.dump_traceback_later(_STUCK * ceiling_s, exit=True, file=self._stderr)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
