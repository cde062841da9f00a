"""The app asked without a socket: one loop, the ASGI protocol spoken by hand, streams read as they come."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from tests.server.world import TOKEN, Answer
from whet.server.access.token import OneToken
from whet.server.app import build

Headers = dict[str, str] | None
_PATIENCE_S = 240.0  # with a stream, on a machine that others use


class Inside:
    """Requests with the token to the app of a folder of runs."""

    def __init__(self, root: Path) -> None:
        self.app = build(root, OneToken(TOKEN))
        self.runner = asyncio.Runner()

    def ask(
        self, method: str, path: str, /, body: Any = None, headers: dict[str, str] | None = None, **query
    ) -> Answer:
        """`body` is bytes, or what JSON can hold."""
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return self.runner.run(self._ask(_scope(method, path, query, headers), data))

    def get(self, path: str, /, **query) -> Any:
        """The JSON of a GET that must succeed."""
        found = self.ask("GET", path, **query)
        assert found.status == 200, found.body
        return found.json()

    async def _ask(self, scope: dict[str, Any], data: bytes) -> Answer:
        head: dict[str, Any] = {}
        parts: list[bytes] = []

        bodies = [data]

        async def receive() -> dict[str, Any]:
            if not bodies:  # a file is sent while the caller's going away is waited for
                await asyncio.Event().wait()
            return {"type": "http.request", "body": bodies.pop(), "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            head.update(message if message["type"] == "http.response.start" else {})
            parts.append(message.get("body", b""))

        await self.app(scope, receive, send)
        return Answer(head["status"], {k.decode(): v.decode() for k, v in head["headers"]}, b"".join(parts))


@asynccontextmanager
async def stream(
    app: Any, path: str, headers: dict[str, str] | None = None, **query
) -> AsyncIterator[AsyncIterator[Any]]:
    """The events of a stream as pairs of name and data, `("", None)` for a heartbeat; closed as a client closes it."""
    arrived: asyncio.Queue[bytes] = asyncio.Queue()
    gone = asyncio.Event()

    async def receive() -> dict[str, Any]:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        assert message.get("status", 200) == 200, message
        arrived.put_nowait(message.get("body", b""))

    task = asyncio.create_task(app(_scope("GET", path, query, headers), receive, send))
    try:
        yield _events(arrived, task)
    finally:
        gone.set()
        async with asyncio.timeout(_PATIENCE_S):
            await task


async def _events(arrived: asyncio.Queue[bytes], task: asyncio.Task[None]) -> AsyncIterator[tuple[str, Any]]:
    rest = b""
    while True:
        rest += await _next(arrived, task)
        *whole, rest = rest.split(b"\n\n")
        for one in whole:
            lines = dict(line.split(b": ", 1) for line in one.split(b"\n") if b": " in line)
            yield lines.get(b"event", b"").decode(), json.loads(lines.get(b"data", b"null"))


async def _next(arrived: asyncio.Queue[bytes], task: asyncio.Task[None]) -> bytes:
    """Raises what the stream ended with, if it ends before anything more comes."""
    coming = asyncio.ensure_future(arrived.get())
    await asyncio.wait({coming, task}, timeout=_PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
    if coming.done():
        return coming.result()
    coming.cancel()
    if not arrived.empty():
        return arrived.get_nowait()
    assert task.done(), f"nothing came in {_PATIENCE_S:.0f} s"
    await task
    raise AssertionError("the stream has ended")


def _scope(method: str, path: str, query: dict[str, Any], headers: Headers) -> dict[str, Any]:
    given = {"host": "localhost", "authorization": f"Bearer {TOKEN}", **(headers or {})}
    place = urlsplit(path).path
    return {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": method,
        "scheme": "http", "path": place, "raw_path": quote(place).encode(), "root_path": "",
        "query_string": urlencode(query, doseq=True).encode(), "server": ("localhost", 80), "client": ("localhost", 1),
        "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
    }  # fmt: skip


@contextmanager
def inside(root: Path) -> Iterator[Inside]:
    """The app of a folder of runs, which ends in order."""
    found = Inside(root)
    try:
        yield found
    finally:
        messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

        async def receive() -> dict[str, Any]:
            return next(messages)

        async def send(message: dict[str, Any]) -> None:
            pass

        found.runner.run(found.app({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send))
        found.runner.close()
