"""How long the server waits for somebody who asks: without a limit, a few slow ones would keep all others out."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

# From the connection, or the first byte of a further request, to the end of its headers.
HEADERS_S = 10.0
# Between two pieces of a body, as long as the server takes them.
BODY_S = 30.0
# So many connections and requests at once; whoever comes then is answered 503.
MOST_AT_ONCE = 500


class Patient(H11Protocol):
    """uvicorn's, which by itself waits for ever for headers and bodies; it ends idle connections on its own."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait(HEADERS_S)

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        was = self.conn.their_state
        super().data_received(data)
        state = self.conn.their_state
        if state is h11.SEND_BODY:
            self._wait(BODY_S)
        elif state is not h11.IDLE:
            self._wait(None)
        elif was is not h11.IDLE or self._late is None:  # headers begin; those that go on have no more time for it
            self._wait(HEADERS_S)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0]:
            self._wait(None)

    def _wait(self, seconds: float | None) -> None:
        """From now on so long for what is to come; with None for ever."""
        if self._late is not None:
            self._late.cancel()
        self._late = None if seconds is None else self.loop.call_later(seconds, self._give_up)

    def _give_up(self) -> None:
        self._late = None
        if self.flow.read_paused:  # it is us who are slow
            self._wait(BODY_S)
        else:
            self.transport.abort()


def limits() -> dict[str, Any]:
    """The settings of uvicorn that keep one who asks from using up what others need."""
    return {"http": Patient, "limit_concurrency": MOST_AT_ONCE, "h11_max_incomplete_event_size": 64 << 10}
