"""What the page asks an engine: passed on with the engine's key, and answers as they come."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from whet.server.errors import Refusal
from whet.server.playground.engines import Engine

# Until an engine begins to answer: it may wait for others first, and the prompt is read.
_TIMEOUT_S = 600.0
_PART_BYTES = 64 << 10
_CODES = {400: "INVALID_PARAMETER_VALUE", 404: "RESOURCE_DOES_NOT_EXIST", 413: "TOO_LARGE", 429: "TOO_MANY_REQUESTS"}


def told(engine: Engine, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
    """The JSON that an engine answers. Raises Refusal in the words of the engine."""
    with engine.asked(), _Connection(engine) as connection:
        return json.loads(connection.begin(method, path, body).read())


async def streamed(engine: Engine, path: str, body: Mapping[str, Any]) -> AsyncGenerator[bytes, None]:
    """An answer of an engine as it comes. Leaving the iterator ends it there too.

    Raises Refusal before anything is answered: the first part is awaited here.
    """
    connection = _Connection(engine)
    try:
        response = await asyncio.to_thread(connection.begin, "POST", path, body)
    except BaseException:
        connection.close()
        raise
    return _parts(engine, connection, response)


async def _parts(engine: Engine, connection: _Connection, response: HTTPResponse) -> AsyncGenerator[bytes, None]:
    with engine.asked(), connection:
        while True:
            try:
                part = await asyncio.to_thread(response.read1, _PART_BYTES)
            except (OSError, HTTPException, ValueError):
                yield b'data: {"error": {"message": "the engine has ended"}}\n\n'
                return
            if not part:
                return
            yield part


class _Connection:
    """One request to an engine."""

    def __init__(self, engine: Engine) -> None:
        if engine.state != "ready":
            said = {
                "starting": "the model is being loaded", "failed": engine.message, "ended": "it is served no more"
            }[engine.state]  # fmt: skip
            raise Refusal("TEMPORARILY_UNAVAILABLE", f"`{engine.model}` does not answer: {said}", hint=engine.hint)
        self._engine, place = engine, urlsplit(engine.url)
        kind = HTTPSConnection if place.scheme == "https" else HTTPConnection
        self._http, self._path = kind(place.netloc, timeout=_TIMEOUT_S), place.path

    def __enter__(self) -> _Connection:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def begin(self, method: str, path: str, body: Mapping[str, Any] | None) -> HTTPResponse:
        """The head of the answer. Raises Refusal where it is none."""
        headers = {"Content-Type": "application/json"}
        if self._engine.key:
            headers["Authorization"] = f"Bearer {self._engine.key}"
        data = None if body is None else json.dumps(body).encode()
        try:
            self._http.request(method, self._path + path, data, headers)
            response = self._http.getresponse()
        except (OSError, HTTPException) as error:
            raise Refusal("TEMPORARILY_UNAVAILABLE", f"`{self._engine.model}` does not answer: {error}") from None
        if response.status != 200:
            raise _refusal(response)
        return response

    def close(self) -> None:
        """Let go, also of a thread that waits for the next part."""
        if self._http.sock is not None:
            with suppress(OSError):
                self._http.sock.shutdown(socket.SHUT_RDWR)
        self._http.close()


def _refusal(response: HTTPResponse) -> Refusal:
    try:
        error = json.loads(response.read())["error"]
        message, at = str(error["message"]), str(error.get("param") or "")
    except (ValueError, LookupError, TypeError, AttributeError, OSError, HTTPException):
        message, at = f"the engine answers {response.status}", ""
    more = {"at": at} if at else {}
    return Refusal(_CODES.get(response.status, "TEMPORARILY_UNAVAILABLE"), message, **more)
