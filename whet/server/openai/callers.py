"""Who asks: a key by its name, what it may be used for, and how much it may ask in a time."""

from __future__ import annotations

import hashlib
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from whet.server.openai.refused import Refused

# What a key may be good for: asking the model, and watching the server.
ASK, WATCH = "ask", "watch"
USES = (ASK, WATCH)
_MINUTE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What one key may do, and how much of it; 0 is without a limit. Tokens are those read and those made."""

    uses: frozenset[str] = frozenset(USES)
    requests_per_minute: int = 0
    tokens_per_minute: int = 0
    tokens_per_day: int = 0
    at_once: int = 0


class Spent(Protocol):
    """Tokens that keys have used, for as long as a day."""

    def today(self, name: str) -> int: ...

    def add_spent(self, name: str, tokens: int) -> None: ...


class NothingSpent:
    """Keeps no count: of keys without a limit for a day."""

    def today(self, name: str) -> int:
        return 0

    def add_spent(self, name: str, tokens: int) -> None:
        pass


class Bucket:
    """So much a minute, which flows back evenly. What takes more than is there leaves a debt, and the next one waits:
    so one that is larger than a minute's worth is answered too, once."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.size, self._clock = per_minute, clock
        self._level, self._at = float(per_minute), clock()

    @property
    def level(self) -> float:
        now = self._clock()
        self._level = min(self.size, self._level + (now - self._at) * self.size / _MINUTE_S)
        self._at = now
        return self._level

    def take(self, amount: float) -> None:
        self._level = self.level - amount

    def wait_s(self, least: float) -> float:
        """How long until there is so much."""
        return max(0.0, (least - self.level) * _MINUTE_S / self.size) if self.size else 0.0


class Caller:
    """One key in use. Any thread may use it."""

    def __init__(
        self, name: str, allowance: Allowance, spent: Spent | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.name, self.allowance = name, allowance
        self._spent = spent or NothingSpent()
        self._requests = Bucket(allowance.requests_per_minute, clock)
        self._tokens = Bucket(allowance.tokens_per_minute, clock)
        self._num_open, self._lock = 0, threading.Lock()

    def check_use(self, use: str) -> None:
        """Raises Refused (403) for what this key is not good for."""
        if use not in self.allowance.uses:
            raise Refused(f"the key `{self.name}` is not made to {use}", status=403, code="insufficient_permissions")

    def begin(self) -> None:
        """Count a request. Raises Refused (429) where that is one too many, or tokens are used up."""
        most = self.allowance
        today = self._spent.today(self.name) if most.tokens_per_day else 0  # it may wait for a disk
        with self._lock:
            if most.tokens_per_day and today >= most.tokens_per_day:
                left_s = 86_400 - time.time() % 86_400
                said = f"the {most.tokens_per_day:,} tokens of `{self.name}` for today (UTC) are used up"
                raise Refused(said, status=429, code="insufficient_quota", wait_s=left_s, is_worth_trying=False)
            if most.at_once and self._num_open >= most.at_once:
                raise self._later(f"`{self.name}` has {self._num_open} requests under way", 1.0)
            if wait_s := self._requests.wait_s(1.0):
                raise self._later(f"`{self.name}` may ask {most.requests_per_minute:,} times a minute", wait_s)
            if wait_s := self._tokens.wait_s(1.0):
                raise self._later(f"`{self.name}` may use {most.tokens_per_minute:,} tokens a minute", wait_s)
            self._requests.take(1.0)
            self._num_open += 1

    def end(self) -> None:
        """The request has ended."""
        with self._lock:
            self._num_open -= 1

    def spend(self, tokens: int) -> None:
        """Count tokens."""
        if not tokens:
            return
        with self._lock:
            self._tokens.take(tokens)
            if self.allowance.tokens_per_day:
                self._spent.add_spent(self.name, tokens)

    def headers(self) -> list[tuple[bytes, bytes]]:
        """What is left of what is limited, as OpenAI tells it."""
        with self._lock:
            told = {"requests": self._requests, "tokens": self._tokens}
            return [header for what, bucket in told.items() if bucket.size for header in _told(what, bucket)]

    def _later(self, said: str, wait_s: float) -> Refused:
        return Refused(said, status=429, code="rate_limit_exceeded", wait_s=wait_s)


def _told(what: str, bucket: Bucket) -> list[tuple[bytes, bytes]]:
    name = f"x-ratelimit-%s-{what}"
    values = {
        "limit": str(bucket.size), "remaining": str(max(0, math.floor(bucket.level))),
        "reset": f"{bucket.wait_s(bucket.size):.3f}s",
    }  # fmt: skip
    return [((name % kind).encode(), value.encode()) for kind, value in values.items()]


class Callers(Protocol):
    """All keys that are good for something. One that `waits` for a disk is asked beside the loop of requests."""

    waits: bool

    def find(self, key: str) -> Caller | None:
        """Who asks with a key; None where it is not known."""
        ...


class OneKey:
    """A single key, without limits. Only its digest is kept."""

    waits = False

    def __init__(self, key: str) -> None:
        self._known = {digest(key): Caller("", Allowance())}

    def find(self, key: str) -> Caller | None:
        return self._known.get(digest(key))


class Anybody:
    """Whoever asks, without a key: where what stands before the server knows who they are."""

    waits = False

    def __init__(self) -> None:
        self._caller = Caller("", Allowance())

    def find(self, key: str) -> Caller | None:
        return self._caller


def digest(key: str) -> str:
    """What is kept of a key, which is random: a plain digest tells nothing of it."""
    return hashlib.sha256(key.encode(errors="replace")).hexdigest()
