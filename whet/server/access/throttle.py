"""Throttle: after some failures whoever tries again waits, twice as long each time, up to a quarter of an hour.

An hour without a failure is a new beginning.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable

FREE, LONGEST_S, FORGOTTEN_S = 5, 900.0, 3600.0
_KEPT = 10_000


class Throttle:
    """Failures by key (a name, an address). Keys beyond some thousand push out the oldest."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait_s(self, *keys: str) -> float:
        """How long whoever has these keys has to wait; 0 where they may try."""
        with self._lock:
            return max((self._wait_s(key) for key in keys), default=0.0)

    def begin(self, *keys: str) -> float:
        """The same, and where they may try, the try counts as a failure until it has `succeeded`.

        So of many tries that are made at once, while a password is being checked, no more pass than one after another.
        """
        with self._lock:
            wait_s = max((self._wait_s(key) for key in keys), default=0.0)
            if not wait_s:
                self._count(keys)
            return wait_s

    def failed(self, *keys: str) -> None:
        """Note a failure."""
        with self._lock:
            self._count(keys)

    def succeeded(self, *keys: str) -> None:
        """Forget their failures."""
        with self._lock:
            for key in keys:
                self._failures.pop(key, None)

    def _count(self, keys: Iterable[str]) -> None:
        now = self._clock()
        for key in keys:
            count, last = self._failures.pop(key, (0, now))
            self._failures[key] = (count + 1 if now - last < FORGOTTEN_S else 1), now
        while len(self._failures) > _KEPT:
            self._failures.popitem(last=False)

    def _wait_s(self, key: str) -> float:
        count, last = self._failures.get(key, (0, 0.0))
        if count < FREE:
            return 0.0
        doubled = 2.0 ** min(count - FREE, 30)  # a thousand failures would be beyond a float
        return max(0.0, min(LONGEST_S, doubled) - (self._clock() - last))
