"""Patience: a call that may hang is given a time, is made again a few times, and says what it waited for."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from whet.base.errors import RunError

Result = TypeVar("Result")


def patiently(
    call: Callable[[], Result], what: str, *, timeout_s: float, restarts: int, again: Callable[[], None] | None = None
) -> Result:
    """What `call` gives within `timeout_s`; else it is made again, up to `restarts` times, after `again()`.

    Each wait that was in vain is said on stderr. A call that hangs is left behind in its thread. What the call raises
    is raised here. Raises RunError, which says what was waited for, when all waits were in vain.
    """
    for attempt in range(restarts + 1):
        box = _Box[Result]()
        thread = threading.Thread(target=box.fill, args=(call,), name=f"whet-{what[:20]}", daemon=True)
        thread.start()
        thread.join(timeout_s)
        if not thread.is_alive():
            return box.open()
        left = restarts - attempt
        following = f"asking again ({left} more times)" if left else "giving up"
        print(f"{what}: no answer in {timeout_s:g} s; {following}", file=sys.stderr, flush=True)
        if left and again is not None:
            again()
    raise RunError(
        f"{what}: no answer in {restarts + 1} waits of {timeout_s:g} s",
        hint="look whether the engine still runs; rollout.timeout_s is how long one wait may be",
    )


class _Box(Generic[Result]):
    """What a thread found, or the error that it met."""

    def fill(self, call: Callable[[], Result]) -> None:
        try:
            self._found, self._error = call(), None
        except BaseException as error:
            self._error = error

    def open(self) -> Result:
        if self._error is not None:
            raise self._error
        return self._found
