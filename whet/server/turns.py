"""Turns: so many who do something long at once, so many who wait for it, and to the next it is said to come later.

Each request that waits takes a thread from those that answer everybody: without a limit a few dozen that take long
would keep all others waiting.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import Depends, Request

from whet.server.errors import Refusal

AT_ONCE, WAITING = 2, 6
# When to come again.
LATER_S = 5


class Turns:
    """Those who do something long, in the order in which they came, more or less."""

    def __init__(self, at_once: int = AT_ONCE, waiting: int = WAITING) -> None:
        self._most, self._num, self._lock = at_once + waiting, 0, threading.Lock()
        self._free = threading.Semaphore(at_once)

    @contextmanager
    def counted(self) -> Iterator[None]:
        """One of those who wait or have their turn. Raises Refusal where there are too many."""
        with self._lock:
            if self._num >= self._most:
                said = f"{self._num} requests that take long are waited for already: ask again in {LATER_S} s"
                raise Refusal("TEMPORARILY_UNAVAILABLE", said, wait_s=LATER_S)
            self._num += 1
        try:
            yield
        finally:
            with self._lock:
                self._num -= 1

    @contextmanager
    def taken(self) -> Iterator[None]:
        """One's turn, once it has come. Raises Refusal where too many wait for theirs."""
        with self.counted(), self._free:
            yield


def turns_of(request: Request) -> Turns:
    """The turns of those whose answers take this process long."""
    return request.app.state.turns


LongTurns = Annotated[Turns, Depends(turns_of)]
