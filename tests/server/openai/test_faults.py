"""Clients that go, break off or are too many, by real sockets: nothing of them stays, and others get right answers."""

from __future__ import annotations

import json
import socket
import struct
from contextlib import ExitStack, closing

import pytest

from tests.generate import tiny
from tests.server.openai.conftest import KEY
from tests.server.openai.test_server import ASKED, until
from whet.server import patience

SHORT = {"model": "tiny", "prompt": "hello", "max_tokens": 4, "temperature": 0}


def line(server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=20)


def written(body, said: int | None = None) -> bytes:
    """A request as it goes over the wire, `said` to have so many bytes."""
    data = json.dumps(body).encode()
    head = f"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {KEY}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(data) if said is None else said}\r\n\r\n"
    return head.encode() + data


def reset(one: socket.socket) -> None:
    """End a connection as a process that dies does."""
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    one.close()


def answer(server) -> str:
    status, _, told = server.ask("POST", "/v1/completions", SHORT)
    assert status == 200
    return told["choices"][0]["text"]


def nothing_is_left(server) -> bool:
    door = server.server.config.app
    connected = server.server.server_state.connections
    return not (server.service.engine.num_open or connected) and door._room == 256 << 20


@pytest.mark.parametrize("leave", [reset, socket.socket.close], ids=["reset", "closed"])
def test_of_clients_that_go_amid_a_stream_nothing_stays(server, leave):
    before, ended = answer(server), server.service.engine.figures.ended
    cancelled = ended["cancelled"]
    for _ in range(4):
        with ExitStack() as lines:
            those = [lines.enter_context(closing(line(server))) for _ in range(25)]
            for one in those:
                one.sendall(written(ASKED | {"stream": True, "max_tokens": 900}))
            for one in those:
                assert one.recv(1) == b"H"
                leave(one)
    until(lambda: nothing_is_left(server), 30)
    assert ended["cancelled"] == cancelled + 100 and answer(server) == before


def test_streams_that_are_left_while_they_wait_are_not_begun(serve, tokenizer):
    with serve(tiny.module(max_position_embeddings=1024), tokenizer, sequences=1, waiting=50) as server:
        engine, before = server.service.engine, answer(server)
        with ExitStack() as lines:
            first = lines.enter_context(closing(line(server)))
            first.sendall(written(ASKED | {"stream": True, "max_tokens": 900}))
            assert first.recv(1) == b"H"
            those = [lines.enter_context(closing(line(server))) for _ in range(50)]
            for number, one in enumerate(those):
                one.sendall(written(ASKED | {"stream": number % 2 == 0}))
            until(lambda: engine.num_open == 51)
            for one in those:
                reset(one)
            until(lambda: engine.num_open <= 1)
            reset(first)
        until(lambda: nothing_is_left(server))
        assert engine.figures.ended["cancelled"] == 51 and answer(server) == before


def test_bodies_that_break_off_are_no_requests_and_take_no_room(server, capfd):
    before, ended = answer(server), server.service.engine.figures.ended.total()
    for number in range(40):
        one = line(server)
        one.sendall(written(ASKED, said=400 + number))
        (reset if number % 2 else socket.socket.close)(one)
    until(lambda: nothing_is_left(server))
    assert server.service.engine.figures.ended.total() == ended and answer(server) == before
    assert "Traceback" not in capfd.readouterr().err


def test_more_connections_than_the_limit_are_told_so_in_openais_form(serve, module, tokenizer, monkeypatch):
    monkeypatch.setattr(patience, "MOST_AT_ONCE", 20)
    with serve(module, tokenizer) as server, ExitStack() as lines:
        before = answer(server)
        for _ in range(20):
            lines.enter_context(closing(line(server)))
        until(lambda: len(server.server.server_state.connections) == 20)
        status, headers, told = server.ask("POST", "/v1/completions", SHORT)
        assert (status, headers["retry-after"]) == (503, "1")
        assert set(told["error"]) == {"message", "type", "param", "code"}
        lines.close()
        until(lambda: nothing_is_left(server))
        assert answer(server) == before
