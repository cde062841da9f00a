"""Watch: code of strangers that takes too long, or too much memory, is ended where it stands."""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

DEADLINE_S = 5.0
GROWTH_BYTES = 2**30
_TICK_S = 0.05
_IDLE_TICKS = 20


class Stopped(Exception):
    """The watch has ended what took too long or too much."""


class _Watch:
    """A thread that is there while something is watched, and for a second after it.

    Python checks for a foreign exception between its own instructions: a loop ends at once, one long instruction when
    it is over. The thread holds no lock while anything is running.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begun: dict[int, float] = {}
        self._memory: dict[int, int] = {}
        self._stopped: set[int] = set()
        self._thread: threading.Thread | None = None

    def begin(self, thread: int) -> None:
        with self._lock:
            self._begun[thread] = time.monotonic()
            if self._thread is None or not self._thread.is_alive():  # a fork takes no threads along
                self._thread = threading.Thread(target=self._look, name="whet watch", daemon=True)
                self._thread.start()

    def end(self, thread: int) -> None:
        with self._lock:
            self._begun.pop(thread, None)
            self._memory.pop(thread, None)
            if thread in self._stopped:
                self._stopped.discard(thread)
                _send(thread, None)  # it may not have arrived yet

    def _look(self) -> None:
        idle = 0
        while True:
            time.sleep(_TICK_S)
            with self._lock:
                idle = 0 if self._begun else idle + 1
                if idle > _IDLE_TICKS:
                    self._thread = None
                    return
                for thread, begun in self._begun.items():
                    if thread not in self._stopped and self._is_over(thread, begun):
                        self._stopped.add(thread)
                        _send(thread, Stopped)

    def _is_over(self, thread: int, begun: float) -> bool:
        now = time.monotonic()
        if now - begun > DEADLINE_S:
            return True
        if now - begun < 2 * _TICK_S:  # renders of rows end long before
            return False
        memory = _memory()
        return memory - self._memory.setdefault(thread, memory) > GROWTH_BYTES


_WATCH = _Watch()


@contextmanager
def watched() -> Iterator[None]:
    """Raise Stopped inside when it runs for DEADLINE_S, or the process has grown by GROWTH_BYTES meanwhile."""
    thread = threading.get_ident()
    _WATCH.begin(thread)
    try:
        yield
    finally:
        _WATCH.end(thread)


def _send(thread: int, kind: type[BaseException] | None) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(kind) if kind else None)


def _memory() -> int:
    """Bytes of the process that lie in memory; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
