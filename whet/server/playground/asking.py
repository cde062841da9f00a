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
_EVENTS = "text/event-stream"
_CODES = {400: "INVALID_PARAMETER_VALUE", 404: "RESOURCE_DOES_NOT_EXIST", 413: "TOO_LARGE", 429: "TOO_MANY_REQUESTS"}


def told(engine: Engine, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
    """The JSON object that an engine answers. Raises Refusal in the words of the engine, or where it is none."""
    with engine.asked(), _Connection(engine) as connection:
        response = connection.begin(method, path, body)
        try:
            found = json.loads(response.read())
        except (OSError, HTTPException) as error:
            raise _silent(engine, error) from None
        except (ValueError, RecursionError):
            found = None
    if not isinstance(found, dict):
        raise unlike(engine, path)
    return found


def unlike(engine: Engine, path: str) -> Refusal:
    """What an answer comes to that is not of the API: such as the page of a proxy, under the address of a model."""
    return Refusal(
        "TEMPORARILY_UNAVAILABLE",
        f"what `{engine.model}` answers at {path} is not what OpenAI's API and its kin answer",
        hint=f"curl {engine.url}/v1/models",
    )


async def streamed(engine: Engine, path: str, body: Mapping[str, Any]) -> AsyncGenerator[bytes, None]:
    """An answer of an engine as it comes. Leaving the iterator ends it there too.

    Raises Refusal before anything is answered: the first part is awaited here.
    """
    connection = _Connection(engine)
    try:
        response = await asyncio.to_thread(connection.begin, "POST", path, body)
        if response.headers.get_content_type() != _EVENTS:
            raise unlike(engine, path)
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
                # What came before it may have broken off within an event.
                yield b'\n\ndata: {"error": {"message": "the engine has ended"}}\n\n'
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
            raise _silent(self._engine, error) from None
        if response.status != 200:
            raise _refusal(response)
        return response

    def close(self) -> None:
        """Let go, also of a thread that waits for the next part."""
        if self._http.sock is not None:
            with suppress(OSError):
                self._http.sock.shutdown(socket.SHUT_RDWR)
        self._http.close()


def _silent(engine: Engine, error: Exception) -> Refusal:
    said = (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
    hint = "start it again" if engine.is_ours else f"curl {engine.url}/v1/models"
    return Refusal("TEMPORARILY_UNAVAILABLE", f"`{engine.model}` does not answer: {said}", hint=hint)


def _refusal(response: HTTPResponse) -> Refusal:
    try:
        error = json.loads(response.read())["error"]
        message, at = str(error["message"]), str(error.get("param") or "")
    except (ValueError, LookupError, TypeError, AttributeError, OSError, HTTPException):
        message, at = f"the engine answers {response.status}", ""
    more = {"at": at} if at else {}
    return Refusal(_CODES.get(response.status, "TEMPORARILY_UNAVAILABLE"), message, **more)
