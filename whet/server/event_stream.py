"""Server-sent events: an answer that goes on, and ends as soon as its client has gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

# A comment, which tells proxies and browsers that the line still stands.
HEARTBEAT = b": \n\n"


class EventStream(Response):
    """Sends what an iterator gives until it ends, or its client goes. (Starlette's own answer notices a client that has
    gone only by a failed send, which uvicorn does not tell.)"""

    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[bytes, None]) -> None:
        super().__init__(headers={"X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        tasks = [asyncio.ensure_future(self._send(send)), asyncio.ensure_future(_gone(receive))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task

    async def _send(self, send: Send) -> None:
        async with aclosing(self._events) as events:
            async for event in events:
                await send({"type": "http.response.body", "body": event, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def event(name: str, data: bytes, id: str) -> bytes:
    """An event of a name; `data` is JSON of one line, and `id` what a browser says when it asks again."""
    return b"event: %s\nid: %s\ndata: %s\n\n" % (name.encode(), id.encode(), data)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
