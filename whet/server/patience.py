"""How long the server waits for somebody who asks: without a limit, a few slow ones would keep all others out."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import time
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

# From the connection, or the first byte of a further request, to the end of its headers.
HEADERS_S = 10.0
# Between two pieces of a body, as long as the server takes them.
BODY_S = 30.0
# A whole body may take so long, and as much longer as it brings this many bytes a second.
WHOLE_BODY_S, LEAST_BYTES_PER_S = 60.0, 16 << 10
# So long an answer waits for a client that takes nothing of it.
ANSWER_S = 60.0
# So long what is still sent of a body is thrown away when its answer has gone out, so that the answer can be read.
REST_S = 10.0
# So many connections and requests at once; whoever comes then is answered 503, and from half as many more on let go of.
MOST_AT_ONCE = 500
# Of them so many from one address, that of this machine excepted: a proxy before the server has it.
MOST_PER_ADDRESS = 100


def _body(message: str, kind: str) -> bytes:
    """In the form of OpenAI and Anthropic, by which their clients know what to do."""
    error = {"message": message, "type": kind, "param": None, "code": None}
    return json.dumps({"type": "error", "error": error}).encode()


_CROWDED = _body("more are connected than can be served", "server_error")
_CROWDED_HEADERS = [(b"content-type", b"application/json"), (b"retry-after", b"1"), (b"connection", b"close")]

_NO_HTTP = _body("this is no request of HTTP/1.1", "invalid_request_error")
_NO_HTTP_HEAD = b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nconnection: close\r\n"


class Patient(H11Protocol):
    """uvicorn's, which by itself waits for ever for headers, bodies and readers; idle connections it ends itself."""

    _late: asyncio.TimerHandle | None = None
    _stuck: asyncio.TimerHandle | None = None
    # When the body that comes began, how much of it is here, and how long the server has not taken any of it.
    _begun, _num_bytes, _held_s = 0.0, 0, 0.0

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        # Ours, because what uvicorn answers is of no form that clients know.
        self._most, self.limit_concurrency = self.limit_concurrency, None
        self._served, self.app = self.app, self._served_or_refused

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self._is_one_too_many():
            self._abort()
        else:
            self._wait(HEADERS_S)

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait(None)
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        was = self.conn.their_state
        super().data_received(data)
        state = self.conn.their_state
        if state is h11.SEND_BODY and self.conn.our_state is h11.DONE:
            pass  # the rest of a body that was answered already has its time
        elif state is h11.SEND_BODY:
            if was is not h11.SEND_BODY:
                self._begun, self._num_bytes, self._held_s = time.monotonic(), 0, 0.0
            self._num_bytes += len(data)
            self._wait(min(BODY_S, self._left_s()))
        elif state is not h11.IDLE:
            self._wait(None)
        elif was is not h11.IDLE or self._late is None:  # headers begin; those that go on have no more time for it
            self._wait(HEADERS_S)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY:
            self._wait(REST_S)
        elif self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0]:
            self._wait(None)

    def send_400_response(self, msg: str) -> None:
        """uvicorn's own is plain text, and fails amid an answer."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            length = b"content-length: %d\r\n\r\n" % len(_NO_HTTP)
            self.transport.write(_NO_HTTP_HEAD + length + _NO_HTTP)
        self.transport.close()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stuck = self.loop.call_later(ANSWER_S, self._abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    async def _served_or_refused(self, scope: Any, receive: Any, send: Any) -> None:
        if self._most is None or max(len(self.connections), len(self.tasks)) <= self._most:
            await self._served(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 503, "headers": _CROWDED_HEADERS})
        await send({"type": "http.response.body", "body": _CROWDED})

    def _is_one_too_many(self) -> bool:
        if self._most is not None and 2 * len(self.connections) > 3 * self._most:
            return True
        here = self._address
        if not here or is_own(here):
            return False
        return sum(isinstance(one, Patient) and one._address == here for one in self.connections) > MOST_PER_ADDRESS

    @property
    def _address(self) -> str:
        return self.client[0] if self.client else ""

    def _left_s(self) -> float:
        """How long the body may still take, by what has come of it."""
        allowed = WHOLE_BODY_S + self._num_bytes / LEAST_BYTES_PER_S + self._held_s
        return max(0.0, self._begun + allowed - time.monotonic())

    def _wait(self, seconds: float | None) -> None:
        """From now on so long for what is to come; with None for ever."""
        if self._late is not None:
            self._late.cancel()
        self._late = None if seconds is None else self.loop.call_later(seconds, self._give_up, seconds)

    def _give_up(self, waited_s: float) -> None:
        self._late = None
        if self.flow.read_paused:  # it is us who are slow
            self._held_s += waited_s
            self._wait(BODY_S)
        else:
            self._abort()

    def _abort(self) -> None:
        self.transport.abort()


def is_own(address: str) -> bool:
    """Whether an address is this machine's."""
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False


def limits() -> dict[str, Any]:
    """The settings of uvicorn that keep one who asks from using up what others need."""
    return {"http": Patient, "limit_concurrency": MOST_AT_ONCE, "h11_max_incomplete_event_size": 64 << 10}
