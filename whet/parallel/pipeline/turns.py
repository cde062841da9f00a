"""Turns: jobs in threads of their own, of which one goes on at a time, until it gives its turn to the next.

Whoever waits for other ranks gives its turn away first, so that a rank has something to do meanwhile. Who is next
depends on nothing but what jobs do: ranks whose jobs do the same go through them in the same order, and what they send
each other comes in that order too.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

T = TypeVar("T")


class Turns:
    """Jobs that take turns. One set runs at a time."""

    def __init__(self) -> None:
        self._line: deque[_Place] = deque()
        self._failure: BaseException | None = None

    def run(self, jobs: Sequence[Callable[[], T]]) -> list[T]:
        """What each job gives. The first failure ends all of them, and is raised."""
        if len(jobs) < 2:
            return [job() for job in jobs]
        device = torch.cuda.current_device() if torch.cuda.is_available() else None
        self._failure, found = None, list[T | None]([None] * len(jobs))
        places = [_Place() for _ in jobs]
        self._line = deque(places)

        def work(number: int) -> None:
            places[number].turn.acquire()
            if device is not None:  # each thread has one of its own
                torch.cuda.set_device(device)
            try:
                if self._failure is None:
                    found[number] = jobs[number]()
            except BaseException as error:  # raised where all jobs are waited for
                self._failure = self._failure or error
            finally:
                self._line.popleft()
                self._next()

        named = threading.current_thread().name
        threads = [
            threading.Thread(target=work, args=(number,), name=f"{named}-turn-{number}", daemon=True)
            for number in range(len(jobs))
        ]
        for thread in threads:
            thread.start()
        self._next()
        for thread in threads:
            thread.join()
        if self._failure is not None:
            raise self._failure
        return found  # type: ignore[return-value]

    def give(self) -> None:
        """Return when the others have had their turn. Without others, and outside of `run`, at once."""
        if len(self._line) < 2:
            return
        own = self._line[0]
        self._line.rotate(-1)
        self._next()
        own.turn.acquire()
        if self._failure is not None:
            raise _Ended

    def _next(self) -> None:
        if self._line:
            self._line[0].turn.release()


class _Place:
    """Where a job waits for its turn."""

    def __init__(self) -> None:
        self.turn = threading.Semaphore(0)


class _Ended(Exception):
    """Another job has failed."""
