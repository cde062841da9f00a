"""A server's socket: what it sends goes out at once."""

import asyncio
import socket

from whet.server.serving import bound


def test_an_answer_is_not_held_back_until_more_of_it_comes():
    """asyncio turns that off (TCP_NODELAY) for the connections of a socket that says its protocol."""

    async def connected() -> int:
        made: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        class Seen(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                line = transport.get_extra_info("socket")
                made.set_result(line.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

        with bound("127.0.0.1", 0) as listening:
            async with await asyncio.get_running_loop().create_server(Seen, sock=listening) as server:
                _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
                found = await made
                writer.close()
                return found

    assert asyncio.run(connected()) != 0
