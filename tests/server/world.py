"""A server on a free port of this machine, in a thread, and a client that speaks plain HTTP to it."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter

from whet.server.access.asked import Access
from whet.server.access.token import OneToken
from whet.server.app import build
from whet.server.ending import Config, Server
from whet.server.patience import limits
from whet.server.playground.connected import Connected
from whet.server.routes import health
from whet.server.serving import bound

TOKEN = "a-token-of-the-tests-0123456789"


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Client:
    """Requests with the token, unless headers say otherwise. One connection a request, so threads may share it."""

    port: int
    headers: dict[str, str] = field(default_factory=lambda: {"Authorization": f"Bearer {TOKEN}"})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self, method: str, path: str, /, body: Any = None, headers: dict[str, str] | None = None, **query
    ) -> Answer:
        """`body` is bytes, or what JSON can hold."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            target = f"{path}?{urlencode(query, doseq=True)}" if query else path
            kind = {} if data is None or data is body else {"Content-Type": "application/json"}
            connection.request(method, target, data, {**self.headers, **kind, **(headers or {})})
            found = connection.getresponse()
            told = {name.lower(): ", ".join(found.headers.get_all(name)) for name in found.headers}
            return Answer(found.status, told, found.read())
        finally:
            connection.close()

    def get(self, path: str, /, **query) -> Any:
        """The JSON of a GET that must succeed."""
        found = self.ask("GET", path, **query)
        assert found.status == 200, found.body
        return found.json()

    def post(self, path: str, body: Any = None) -> Any:
        """The JSON of a POST that must succeed."""
        found = self.ask("POST", path, body if body is not None else {})
        assert found.status == 200, found.body
        return found.json()


@contextmanager
def serving(
    root: Path, access: Access | None = None, pages: Iterable[APIRouter] = (health.directions,),
    engines: Iterable[Connected] = (),
) -> Iterator[Client]:  # fmt: skip
    """A server of the runs under `root` (for whoever has the token), which ends in order."""
    listening = bound("127.0.0.1", 0)
    app = build(root, access or OneToken(TOKEN), pages=pages, engines=engines)
    server = Server(Config(app, log_level="error", timeout_graceful_shutdown=5, **limits()), app.end)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.005)
        yield Client(listening.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(20)
        listening.close()


def started(root: Path) -> tuple[subprocess.Popen, Client]:
    """A server as a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "whet", "server", "--root", str(root), "--port", "0"],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "WHET_TOKEN": TOKEN},
    )  # fmt: skip
    address = process.stdout.readline()
    return process, Client(int(address.split(":")[2].split("/")[0]))
