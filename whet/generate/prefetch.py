"""Rollouts made in threads, before they are due where that is asked for, and a watch over what stalls."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from whet.base.errors import RunError

T = TypeVar("T")


class Abandoned(Exception):
    """Nobody waits for this any more."""


@dataclass
class Progress:
    """What a job does, and since when; a watch reads it. `is_cancelled`: nobody waits for it any more."""

    doing: str = "its start"
    since: float = field(default_factory=time.monotonic)
    is_cancelled: bool = False

    def at(self, doing: str) -> None:
        """Something was done, and `doing` is what comes now. Raises Abandoned when nobody waits any more."""
        if self.is_cancelled:
            raise Abandoned
        self.doing, self.since = doing, time.monotonic()


Job = Callable[[Progress], T]


@dataclass(frozen=True, slots=True)
class Watch:
    """How long a job may be without progress, how often it is begun anew, and what is said of it.

    `waiting` adds what the engine waits for to the report; `again` is called before a job is begun anew.
    """

    timeout_s: float = 600.0
    restarts: int = 2
    say: Callable[[str], None] = lambda text: None
    waiting: Callable[[], list[str]] = list
    again: Callable[[], None] = lambda: None
    hint: str = "look whether what it waits for is alive; rollout.timeout_s is how long one wait may be"


class Ahead(Generic[T]):
    """Makes numbered things before they are due. `ask(number)` gives the job that makes one, and is called in turn.

    It is called in the caller's thread, so that what a job needs of the moment (the weights) is what it is then. Jobs
    run in threads of their own, one after the other. One that makes no progress for as long as `watch` allows, or
    raises RunError, is reported and begun anew, up to its `restarts`; after that RunError is raised where it is waited
    for. Other errors are raised there at once. A thread that hangs is left behind, and ends when it reports again.
    """

    def __init__(self, ask: Callable[[int], Job[T]], watch: Watch, what: str = "rollout {}") -> None:
        self._ask, self._watch, self._what = ask, watch, what
        self._requests: dict[int, _Request] = {}
        self._changed = threading.Condition()
        self.num_restarted = 0

    def take(self, number: int, ahead: int = 0) -> T:
        """Thing `number`, waiting for it if need be; it and so many beyond it are asked for if they are not yet."""
        for asked in range(number, number + ahead + 1):
            if asked not in self._requests:
                self._begin(asked, _Request(self._ask(asked)))
        value = self._waited(number).value
        with self._changed:
            del self._requests[number]
        return value

    def settled(self) -> dict[int, T]:
        """All that is on its way, once it is there; it stays to be taken."""
        return {number: self._waited(number).value for number in sorted(self._requests)}

    def restore(self, held: Mapping[int, T]) -> None:
        """Have these to be taken, in place of what is on its way."""
        self._requests = {number: _Request(_never, value=value, is_done=True) for number, value in held.items()}

    def _begin(self, number: int, request: _Request) -> None:
        with self._changed:
            self._requests[number] = request
        name = f"whet-rollout-{number}" + (f"-try-{request.attempt + 1}" if request.attempt else "")
        threading.Thread(target=self._run, args=(number, request), name=name, daemon=True).start()

    def _run(self, number: int, request: _Request) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._is_next(number) or request.progress.is_cancelled)
        try:
            request.progress.at("its start")
            request.has_begun = True
            request.value = request.job(request.progress)
            request.job = _never  # and with it the weights that it answered with
        except BaseException as error:  # told in the thread that waits for it
            request.error = error
        with self._changed:
            request.is_done = True
            self._changed.notify_all()

    def _is_next(self, number: int) -> bool:
        return all(one.is_done for other, one in self._requests.items() if other < number)

    def _waited(self, number: int) -> _Request:
        """The request, once it is done; begun anew when it stalls or fails."""
        while True:
            request = self._requests[number]
            with self._changed:
                self._changed.wait_for(lambda r=request: r.is_done, min(self._left(request), 1.0))  # type: ignore[misc]
            if request.is_done and request.error is None:
                return request
            if request.is_done or self._left(request) <= 0:
                self._again(number, request)

    def _again(self, number: int, request: _Request) -> None:
        """Begin anew what stalled or failed, and say why; give up when that was done often enough."""
        watch, error = self._watch, request.error
        with self._changed:
            request.progress.is_cancelled = True
            self._changed.notify_all()
        if error is not None and (watch.restarts == 0 or not isinstance(error, RunError)):
            raise error
        what, hint = self._what.format(number), watch.hint
        if isinstance(error, RunError):
            what, hint = f"{what} failed: {error.message}", error.hint or hint
        else:
            asked = watch.waiting()
            details = f"; on their way: {'; '.join(asked[:4])}" if asked else ""
            what += f" made no progress for {watch.timeout_s:g} s in {request.progress.doing}{details}"
        if request.attempt >= watch.restarts:
            raise RunError(f"{what} (after {request.attempt + 1} tries)", hint=hint) from error
        self.num_restarted += 1
        watch.say(f"{what}; begun anew ({request.attempt + 1} of {watch.restarts})")
        watch.again()
        self._begin(number, _Request(request.job, request.attempt + 1))

    def _left(self, request: _Request) -> float:
        """Seconds that it may still be without progress; those before its turn do not count."""
        waited = time.monotonic() - request.progress.since if request.has_begun else 0.0
        return self._watch.timeout_s - waited


@dataclass
class _Request:
    job: Job[Any]
    attempt: int = 0
    progress: Progress = field(default_factory=Progress)
    value: Any = None
    error: BaseException | None = None
    has_begun: bool = False
    is_done: bool = False


def _never(progress: Progress) -> Any:
    raise AssertionError("what is held is not made again")
