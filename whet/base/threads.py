"""Threads for calls that wait: for a server, a process, a user's reward. One that hangs keeps nobody waiting."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

Result = TypeVar("Result")


class Threads:
    """Up to `num` threads, started when they are needed, that take calls in order.

    `concurrent.futures` joins its threads when the interpreter ends: a run that gave up on a call would then wait
    silently for as long as the call hangs. These end with the process.
    """

    def __init__(self, num: int, name: str) -> None:
        self._num, self._name = num, name
        self._calls: queue.SimpleQueue[tuple[Future[Any], Callable[..., Any], tuple[Any, ...]] | None]
        self._calls = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._lock = threading.Lock()
        self._started = 0
        self._is_closed = False

    def submit(self, function: Callable[..., Result], *arguments: Any) -> Future[Result]:
        """Have the function called. The future gives its result, or raises what it raised."""
        future: Future[Result] = Future()
        with self._lock:
            if self._is_closed:
                raise RuntimeError("closed threads take no calls")
            self._calls.put((future, function, arguments))
            if not self._idle.acquire(blocking=False) and self._started < self._num:
                self._started += 1
                name = f"{self._name}-{self._started}"
                threading.Thread(target=self._work, name=name, daemon=True).start()
        return future

    def close(self) -> None:
        """Cancel what waits. What is running runs on, and its thread ends after it."""
        with self._lock:
            self._is_closed = True
            while not self._calls.empty():
                call = self._calls.get()
                if call is not None:
                    call[0].cancel()
            for _ in range(self._started):
                self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            future, function, arguments = call
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(function(*arguments))
                except BaseException as error:
                    future.set_exception(error)
            del call, future, function, arguments  # what waits for the next call must not hold on to the last one
            self._idle.release()
