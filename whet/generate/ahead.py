"""Rollouts asked for ahead of their turn, in threads, with a bound on staleness and a watch over what stalls."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from whet.base.errors import RunError

T = TypeVar("T")


@dataclass
class Progress:
    """What a request in the making does, and since when; a watch reads it. `is_cancelled`: nobody waits any more."""

    doing: str = "its start"
    since: float = field(default_factory=time.monotonic)
    is_cancelled: bool = False

    def at(self, doing: str) -> None:
        """Something was done, and `doing` is what comes now."""
        self.doing, self.since = doing, time.monotonic()


@dataclass(frozen=True, slots=True)
class Made(Generic[T]):
    """What was asked for, and the version of the weights when it was."""

    value: T
    version: int


class Ahead(Generic[T]):
    """Asks for rollouts before they are due. `make(number, progress)` makes number `number`, in a thread of its own.

    At most `staleness` rollouts beyond the one that is due are on their way; what `take` returns was asked for with
    weights at most `staleness` versions old, or is made anew. A request without progress for `timeout_s` seconds is
    reported through `say`, with what it waits for, and asked for again, up to `restarts` times; one that raises is
    asked for again likewise. After that `take` raises. `waiting` adds what the engine waits for to the report.
    """

    def __init__(
        self,
        make: Callable[[int, Progress], T],
        *,
        staleness: int = 1,
        timeout_s: float = 600.0,
        restarts: int = 2,
        say: Callable[[str], None] = lambda text: None,
        waiting: Callable[[], list[str]] = list,
    ) -> None:
        self._make, self._staleness, self._timeout_s = make, staleness, timeout_s
        self._restarts, self._say, self._waiting = restarts, say, waiting
        self._requests: dict[int, _Request] = {}
        self._changed = threading.Condition()
        self.num_restarted = self.num_stale = 0

    def take(self, number: int, version: int) -> Made[T]:
        """Rollout `number`, waiting for it if need be, while the weights are at `version`; the next ones are asked for.

        Raises RunError when it stalls or fails once too often.
        """
        request = self._requests.get(number)
        if request is not None and version - request.version > self._staleness:
            self.num_stale += 1
            self._drop(number)
        for ahead in range(number, number + self._staleness + 1):
            if ahead not in self._requests:
                self._requests[ahead] = self._ask(ahead, version, 0)
        while True:
            request = self._requests[number]
            with self._changed:
                self._changed.wait_for(lambda r=request: r.is_done, min(self._left(request), 1.0))  # type: ignore[misc]
            if request.is_done and request.error is None:
                del self._requests[number]
                return Made(request.value, request.version)
            if request.is_done or self._left(request) <= 0:
                self._requests[number] = self._again(number, version, request)

    def close(self) -> None:
        """Forget what is on its way. Threads that wait for a server end when it answers or times out."""
        for number in list(self._requests):
            self._drop(number)

    def _ask(self, number: int, version: int, attempt: int) -> _Request:
        request = _Request(version, attempt)
        name = f"whet-rollout-{number}" + (f"-try-{attempt + 1}" if attempt else "")
        threading.Thread(target=self._run, args=(number, request), name=name, daemon=True).start()
        return request

    def _run(self, number: int, request: _Request) -> None:
        try:
            request.value = self._make(number, request.progress)
        except BaseException as error:  # told in the thread that takes it
            request.error = error
        with self._changed:
            request.is_done = True
            self._changed.notify_all()

    def _again(self, number: int, version: int, request: _Request) -> _Request:
        """Ask once more for what stalled or failed, and say why; give up when that was done often enough."""
        if request.error is not None:
            what = f"rollout {number} failed: {request.error}"
        else:
            asked = [*self._waiting()]
            details = f"; on their way: {'; '.join(asked[:4])}" if asked else ""
            what = f"rollout {number} made no progress for {self._timeout_s:g} s in {request.progress.doing}{details}"
        request.progress.is_cancelled = True
        if request.attempt >= self._restarts:
            raise RunError(
                f"{what} (after {request.attempt + 1} tries)", hint="is the server alive? curl URL/models"
            ) from request.error
        self.num_restarted += 1
        self._say(f"{what}; asked for again ({request.attempt + 1} of {self._restarts})")
        return self._ask(number, version, request.attempt + 1)

    def _drop(self, number: int) -> None:
        self._requests.pop(number).progress.is_cancelled = True

    def _left(self, request: _Request) -> float:
        return request.progress.since + self._timeout_s - time.monotonic()


@dataclass
class _Request:
    version: int
    attempt: int
    progress: Progress = field(default_factory=Progress)
    value: Any = None
    error: BaseException | None = None
    is_done: bool = False
