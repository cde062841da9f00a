"""Requests to an OpenAI-compatible server: JSON in and out, retries, time-outs, and what is being waited for."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import random
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from whet.base.errors import ConfigError, RunError, setting_secret

_AGAIN = frozenset({408, 409, 425, 429})  # and all from 500 on
MAX_PAUSE_S = 8.0
_FAILURES = (OSError, http.client.HTTPException, ssl.SSLError)


class Endpoint:
    """A server below `url`, such as `http://127.0.0.1:8000/v1`. One connection a request; safe to use from threads.

    A request that fails in a way that may pass (no connection, too many requests, a server's error) is made again up
    to `retries` times, with pauses that double from half a second, or as long as `Retry-After` says. The key is read
    from the environment variable `key_env` and is not kept anywhere.
    """

    def __init__(
        self, url: str, *, key_env: str = "OPENAI_API_KEY", timeout_s: float = 600.0, retries: int = 4
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"`{url}` is not the address of a server", hint="url: http://127.0.0.1:8000/v1")
        self.url = url.rstrip("/")
        self._parts, self._key_env, self._timeout_s, self._retries = parts, key_env, timeout_s, retries
        self._waiting: dict[int, tuple[str, float]] = {}
        self._numbers = itertools.count()
        self._jitter = random.Random()
        self.pause: Callable[[float], None] = time.sleep

    def get(self, path: str) -> Any:
        return self._json("GET", path, None)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The server's answer. Raises RunError with what the server said, or with what was tried."""
        return self._json("POST", path, body)

    def stream(self, path: str, body: Mapping[str, Any]) -> Iterator[Any]:
        """The objects of a server-sent stream, up to `[DONE]`. Closing the iterator closes the connection."""
        connection, response = self._opened("POST", path, body)
        try:
            for raw in response:
                line = raw.decode("utf-8", "replace").strip()
                if line == "data: [DONE]":
                    return
                if line.startswith("data:"):
                    yield self._parsed(line[5:], path)
        except _FAILURES as error:
            raise RunError(f"{self.url}{path} broke off its answer: {_said(error)}", hint="ask again") from None
        finally:
            connection.close()

    def waiting(self) -> list[str]:
        """Requests on their way, with how long each has been: what a stalled caller waits for."""
        now = time.monotonic()
        oldest_first = sorted(self._waiting.copy().values(), key=lambda entry: entry[1])
        return [f"{what} for {now - since:.0f} s" for what, since in oldest_first]

    def _json(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        connection, response = self._opened(method, path, body)
        number = self._enter(f"the rest of the answer of {self.url}{path}")
        try:
            text = response.read().decode("utf-8", "replace")
        except _FAILURES as error:
            raise RunError(f"{self.url}{path} broke off its answer: {_said(error)}", hint="ask again") from None
        finally:
            self._waiting.pop(number, None)
            connection.close()
        return self._parsed(text, path) if text.strip() else None

    def _opened(
        self, method: str, path: str, body: Mapping[str, Any] | None
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """A connection whose answer has begun, after as many tries as it took."""
        for attempt in range(self._retries + 1):
            number = self._enter(f"{method} {self.url}{path}" + (f" (try {attempt + 1})" if attempt else ""))
            connection = self._connection()
            try:
                connection.request(method, self._parts.path.rstrip("/") + path, _bytes(body), self._headers())
                response = connection.getresponse()
                if response.status < 300:
                    return connection, response
                said, after = _message(response), response.headers.get("Retry-After")
                reason = f"{self.url}{path} answered {response.status}: {said}"
                may_pass = response.status in _AGAIN or response.status >= 500
            except _FAILURES as error:
                reason, after, may_pass = f"{self.url}{path} cannot be reached: {_said(error)}", None, True
            finally:
                self._waiting.pop(number, None)
            connection.close()
            if not may_pass or attempt == self._retries:
                tries = f" (after {attempt + 1} tries)" if attempt else ""
                raise RunError(reason + tries, hint=self._hint(reason))
            self.pause(_pause(attempt, after, self._jitter))
        raise AssertionError("unreachable")

    def _connection(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
        return kind(self._parts.hostname or "", self._parts.port, timeout=self._timeout_s)

    def _headers(self) -> dict[str, str]:
        key = os.environ.get(self._key_env, "")
        authorization = {"Authorization": f"Bearer {key}"} if key else {}
        return {"Content-Type": "application/json", "Accept": "application/json, text/event-stream", **authorization}

    def _hint(self, reason: str) -> str:
        if " answered 401" in reason or " answered 403" in reason:
            return setting_secret(self._key_env)
        return f"curl {self.url}/models"

    def _enter(self, what: str) -> int:
        number = next(self._numbers)
        self._waiting[number] = (f"{what} [{threading.current_thread().name}]", time.monotonic())
        return number

    def _parsed(self, text: str, path: str) -> Any:
        try:
            return json.loads(text)
        except ValueError:
            raise RunError(f"{self.url}{path} answered what is no JSON: {text[:120]!r}", hint="check the url") from None


def _bytes(body: Mapping[str, Any] | None) -> bytes | None:
    return None if body is None else json.dumps(body).encode()


def _pause(attempt: int, after: str | None, jitter: random.Random) -> float:
    """Seconds before the next try: what the server asks for, else doubling, a quarter of it by chance."""
    try:
        asked = float(after) if after is not None else 0.0
    except ValueError:  # a date
        asked = 0.0
    return min(asked, 120.0) or min(0.5 * 2**attempt, MAX_PAUSE_S) * (0.75 + 0.25 * jitter.random())


def _message(response: http.client.HTTPResponse) -> str:
    """What the server says about an error, in one line."""
    try:
        text = response.read(20_000).decode("utf-8", "replace")
    except _FAILURES as error:
        return _said(error)
    try:
        body = json.loads(text)
        told = body.get("error", body.get("detail", body.get("message", body)))
        text = told.get("message", told) if isinstance(told, dict) else told
    except (ValueError, AttributeError):
        pass
    return " ".join(str(text).split())[:500]


def _said(error: BaseException) -> str:
    return "no answer in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
