"""A server that ends though streams are open: uvicorn would wait for them, and they for nothing."""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn

Config = uvicorn.Config


class Server(uvicorn.Server):
    """uvicorn's, which calls `ending` in its loop before it waits for the answers that are under way."""

    def __init__(self, config: uvicorn.Config, ending: Callable[[], None]) -> None:
        super().__init__(config)
        self._ending = ending

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._ending()
        await super().shutdown(sockets)
