"""The hub's client is kept from trying for half a minute where nobody is there, and left alone where somebody is."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from huggingface_hub import constants

from whet.base import hub

NAME = "someone/some-model"


@pytest.fixture(autouse=True)
def _asks(monkeypatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def deaf() -> Iterator[int]:
    """A port where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.fixture
def slow() -> Iterator[int]:
    """A hub that knows nothing, and takes its time to say so."""

    class Slow(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            time.sleep(0.5)
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.end_headers()

        do_GET = do_HEAD

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def at(monkeypatch, port: int) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{port}")


def test_a_hub_that_nobody_answers_for_is_not_asked_meanwhile(monkeypatch, deaf):
    at(monkeypatch, deaf)
    with hub.asked(NAME):
        assert constants.HF_HUB_OFFLINE
    assert not constants.HF_HUB_OFFLINE
    assert f"http://127.0.0.1:{deaf} cannot be reached (" in str(hub.silence())


def test_a_slow_hub_is_asked(monkeypatch, slow):
    at(monkeypatch, slow)
    with hub.asked(NAME):
        assert not constants.HF_HUB_OFFLINE
    assert hub.silence() is None


def test_a_folder_asks_nobody(monkeypatch, deaf, tmp_path):
    at(monkeypatch, deaf)
    with hub.asked(str(tmp_path)):
        assert not constants.HF_HUB_OFFLINE


def test_who_forbids_to_ask_is_told_so(monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE" in str(hub.silence())
    with hub.asked(NAME):
        assert constants.HF_HUB_OFFLINE
    assert constants.HF_HUB_OFFLINE


def test_what_is_asked_first_is_the_proxy(monkeypatch, deaf, slow):
    monkeypatch.setattr(constants, "ENDPOINT", "http://hub.invalid")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{slow}")
    assert hub.silence() is None
    monkeypatch.setattr(constants, "ENDPOINT", "http://other.invalid")
    monkeypatch.setenv("no_proxy", "other.invalid")
    assert "cannot be reached" in str(hub.silence())
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{slow}")
    monkeypatch.setenv("http_proxy", f"127.0.0.1:{deaf}")
    assert "cannot be reached" in str(hub.silence())


def test_nobody_waits_long_for_a_network_that_swallows_requests(monkeypatch):
    full = socket.socket()  # its queue is full, so further connections hang, as behind a firewall
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    waiting = [socket.socket() for _ in range(8)]
    for one in waiting:
        one.setblocking(False)
        one.connect_ex(full.getsockname())
    at(monkeypatch, full.getsockname()[1])
    monkeypatch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", 0.6)
    assert "no answer within 0.3 s" in str(hub.silence()) or "timed out" in str(hub.silence())
    for one in (full, *waiting):
        one.close()
