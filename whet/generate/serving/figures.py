"""What an engine has done: counts, and times in histograms. Any thread may read them."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections import Counter

FIRST_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
BETWEEN_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Histogram:
    """How many values were at most so large, by bound; their sum and number."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds, self.total, self.count = bounds, 0.0, 0
        self._counts = [0] * (len(bounds) + 1)

    def add(self, value: float) -> None:
        self._counts[bisect_left(self.bounds, value)] += 1
        self.total += value
        self.count += 1

    def at_most(self) -> list[tuple[float, int]]:
        """Each bound, the last one infinite, and how many values it is not below."""
        running, found = 0, []
        for bound, count in zip((*self.bounds, float("inf")), self._counts, strict=True):
            running += count
            found.append((bound, running))
        return found


class Figures:
    """Requests by how they ended, tokens, and the times to an answer's first token and between its tokens."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.ended: Counter[str] = Counter()
        self.num_prompt = self.num_generated = self.num_running = self.num_waiting = 0
        self.num_guessed = self.num_right = 0
        self.first_s, self.between_s = Histogram(FIRST_S), Histogram(BETWEEN_S)

    def begin(self, num_prompt: int) -> None:
        with self._lock:
            self.num_prompt += num_prompt

    def end(self, how: str) -> None:
        with self._lock:
            self.ended[how] += 1

    def seen(self, num_running: int, num_waiting: int) -> None:
        """How many are answered and how many wait, after a step."""
        self.num_running, self.num_waiting = num_running, num_waiting

    def guessed(self, num_guessed: int, num_right: int) -> None:
        """How many tokens were guessed since the start, and how many of them rightly."""
        self.num_guessed, self.num_right = num_guessed, num_right

    def clock(self) -> Clock:
        """What times one request, from now on."""
        return Clock(self)

    def timed(self, seconds: float, *, is_first: bool) -> None:
        with self._lock:
            self.num_generated += 1
            (self.first_s if is_first else self.between_s).add(seconds)


class Clock:
    """The times of one request."""

    def __init__(self, figures: Figures) -> None:
        self._figures, self._last, self._is_first = figures, time.perf_counter(), True

    def token(self) -> None:
        """A token has come."""
        now = time.perf_counter()
        self._figures.timed(now - self._last, is_first=self._is_first)
        self._last, self._is_first = now, False
