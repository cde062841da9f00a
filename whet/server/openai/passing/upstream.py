"""One request to the engine's server on loopback, whose answer is read as it comes and left at any time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass

import h11

_READ = 64 << 10


class Unreachable(Exception):
    """The engine's server took no request, or broke its answer off."""


@dataclass
class Reply:
    """An answer whose head has come. To be closed by whoever has it."""

    status: int
    kind: str
    _connection: h11.Connection
    _reader: asyncio.StreamReader
    _writer: asyncio.StreamWriter

    async def parts(self) -> AsyncGenerator[bytes, None]:
        """The body as it comes. Raises Unreachable where it breaks off."""
        while True:
            event = await _event(self._connection, self._reader)
            if isinstance(event, h11.Data):
                yield bytes(event.data)
            elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
                return

    async def whole(self) -> bytes:
        """All of the body."""
        return b"".join([part async for part in self.parts()])

    async def close(self) -> None:
        """Leave it: what the engine still makes, it makes for nobody, and it stops."""
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()


async def asked(port: int, key: str, method: str, path: str, body: bytes) -> Reply:
    """The engine's answer to a request. Raises Unreachable."""
    connection = h11.Connection(h11.CLIENT)
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError as error:
        raise Unreachable(str(error)) from None
    try:
        headers = [
            ("Host", f"127.0.0.1:{port}"), ("Authorization", f"Bearer {key}"), ("Connection", "close"),
            ("Content-Type", "application/json"), ("Content-Length", str(len(body))), ("Accept-Encoding", "identity"),
        ]  # fmt: skip
        request = h11.Request(method=method, target=path, headers=headers)
        for event in (request, h11.Data(data=body), h11.EndOfMessage()):
            writer.write(connection.send(event) or b"")
        with suppress(ConnectionError):  # it may answer before it has read all
            await writer.drain()
        while True:
            head = await _event(connection, reader)
            if isinstance(head, h11.Response):
                told = {name.decode().lower(): value.decode("latin-1") for name, value in head.headers}
                return Reply(head.status_code, told.get("content-type", ""), connection, reader, writer)
            if not isinstance(head, h11.InformationalResponse):
                raise Unreachable("it answered nothing")
    except BaseException:
        writer.close()
        raise


async def _event(connection: h11.Connection, reader: asyncio.StreamReader) -> h11.Event:
    """The next event. Raises Unreachable where the connection breaks, or speaks something else."""
    try:
        while (event := connection.next_event()) is h11.NEED_DATA:
            connection.receive_data(await reader.read(_READ))
    except (OSError, h11.RemoteProtocolError) as error:
        raise Unreachable(str(error)) from None
    if not isinstance(event, h11.Event):
        raise Unreachable("it went on after its answer")
    return event
