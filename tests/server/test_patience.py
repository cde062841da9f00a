"""Whoever is slow is let go of, and keeps nobody else from being answered."""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from http.client import HTTPResponse
from pathlib import Path

import pytest

from tests.server.world import TOKEN, Client, serving
from tests.track.runs import records, write
from whet.server import patience

HEAD = f"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setattr(patience, "HEADERS_S", 0.3)
    monkeypatch.setattr(patience, "BODY_S", 0.3)
    with serving(tmp_path) as found:
        yield found


def line(server: Client) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=20)


def is_let_go(one: socket.socket) -> bool:
    """Whether the server ends the connection; it waits for that."""
    try:
        return one.recv(1000) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("said", ["", "GET /heal", HEAD, HEAD + "Content-Length: 100\r\n\r\nsome of it"])
def test_who_says_nothing_more_is_let_go_of(server: Client, said: str):
    with line(server) as one:
        one.sendall(said.encode())
        assert server.ask("GET", "/health").status == 200
        assert is_let_go(one)


def test_headers_that_drip_have_no_more_time_for_it(server: Client):
    with line(server) as one, pytest.raises(OSError):
        one.sendall(b"GET /health HTTP/1.1\r\n")
        until = time.monotonic() + 20
        while time.monotonic() < until:
            one.sendall(b"X: y\r\n")
            time.sleep(0.05)


def test_a_body_that_goes_on_slowly_and_a_second_request_are_taken(server: Client):
    with line(server) as one:
        for _ in range(2):
            one.sendall((HEAD + "Content-Type: application/json\r\nContent-Length: 12\r\n\r\n").encode())
            for letter in b'{"a": [1,2]}':
                one.sendall(bytes([letter]))
                time.sleep(0.04)
            answer = HTTPResponse(one)  # which may come in parts
            answer.begin()
            assert (answer.status, answer.read()) == (200, b"{}")


def test_a_body_that_drips_is_let_go_of_when_its_time_is_over(server: Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(patience, "WHOLE_BODY_S", 0.5)
    with line(server) as one, pytest.raises(OSError):
        one.sendall((HEAD + "Content-Length: 100000\r\n\r\n").encode())
        until = time.monotonic() + 20
        while time.monotonic() < until:
            one.sendall(b"x")
            time.sleep(0.05)


def test_who_takes_nothing_of_an_answer_is_let_go_of(server: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(patience, "ANSWER_S", 0.2)
    is_over = threading.Event()
    monkeypatch.setattr(patience.Patient, "_abort", lambda self: (is_over.set(), self.transport.abort()))
    write(tmp_path / "run", records())
    with (tmp_path / "run" / "large").open("wb") as file:
        file.truncate(64 << 20)
    with line(server) as one:
        one.sendall(HEAD.replace("POST /v1/traces", "GET /api/v1/runs/run/files/large").encode() + b"\r\n")
        assert one.recv(1, socket.MSG_PEEK) == b"H" and is_over.wait(20)
        got = 0
        with suppress(ConnectionResetError):
            while piece := one.recv(1 << 20):
                got += len(piece)
    assert got < 64 << 20


def test_one_address_has_no_more_than_its_share_of_connections(server: Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(patience, "MOST_PER_ADDRESS", 3)
    with ExitStack() as lines:
        of_this_machine = [lines.enter_context(line(server)) for _ in range(5)]
        assert server.ask("GET", "/health").status == 200
        monkeypatch.setattr(patience, "is_own", lambda address: False)
        for one in of_this_machine:
            one.close()
        assert server.ask("GET", "/health").status == 200
        for _ in range(3):
            lines.enter_context(line(server))
        assert is_let_go(lines.enter_context(line(server)))


def test_what_comes_of_a_body_after_its_answer_is_let_go_of(server: Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(patience, "REST_S", 0.3)
    said = "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    with line(server) as one:
        one.sendall(said.encode())
        assert one.recv(13) == b"HTTP/1.1 401 "
        with pytest.raises(OSError):
            until = time.monotonic() + 20
            while time.monotonic() < until:
                one.sendall(b"5\r\nhello\r\n")
                time.sleep(0.05)


def test_beyond_the_limit_requests_are_told_and_connections_let_go_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(patience, "MOST_AT_ONCE", 4)
    with serving(tmp_path) as server:
        with ExitStack() as lines:
            for _ in range(4):
                lines.enter_context(line(server))
            told = server.ask("GET", "/health")
            assert (told.status, told.headers["retry-after"]) == (503, "1") and "connected" in told.json()["error"][
                "message"
            ]
            for _ in range(2):
                lines.enter_context(line(server))
            assert is_let_go(lines.enter_context(line(server)))
        until = time.monotonic() + 20
        while server.ask("GET", "/health").status != 200:
            assert time.monotonic() < until


def test_two_hundred_that_are_slow_and_two_hundred_that_are_not(server: Client):
    with ExitStack() as slow, ThreadPoolExecutor(20) as threads:
        for _ in range(200):
            slow.enter_context(line(server)).sendall(b"GET /heal")
        answers = list(threads.map(lambda _: server.ask("GET", "/api/v1/runs").status, range(200)))
    assert answers == [200] * 200
