"""Questions and answers over two pipes, either way: while one waits for an answer it answers what it is asked."""

from __future__ import annotations

import marshal
import os
from _thread import RLock  # what is imported before a fork is paid for in it, and `threading` most
from collections.abc import Callable
from typing import Any

from whet.rewards.sandbox.codec import Broken, dumps, loads

MAX_MESSAGE = 64 * 2**20


class Gone(BaseException):
    """The other side has ended, or says what is no message. Not an Exception: no test may take it for its own."""


class Link:
    """`serve` answers a question of the other side. Threads take turns."""

    def __init__(self, reads: int, writes: int) -> None:
        self._reads, self._writes, self._left = reads, writes, b""
        self._lock = RLock()
        self.serve: Callable[[list[Any]], list[Any]] = lambda question: []

    def ask(self, question: list[Any]) -> list[Any]:
        """The answer. Questions of the other side that come before it are answered first. Raises Gone."""
        with self._lock:
            self.send(["ask", question])
            while True:
                kind, content = self.receive()
                if kind == "answer":
                    return content
                self.send(["answer", self.serve(content)])

    def listen(self) -> None:
        """Answer until the other side has gone. Raises Gone."""
        while True:
            kind, content = self.receive()
            with self._lock:
                if kind == "ask":
                    self.send(["answer", self.serve(content)])

    def send(self, message: list[Any]) -> None:
        content = dumps(message)
        if len(content) > MAX_MESSAGE:
            raise Gone(f"a message of {len(content):,} bytes")
        view = memoryview(len(content).to_bytes(4, "big") + content)
        try:
            while view:
                view = view[os.write(self._writes, view) :]
        except OSError as error:
            raise Gone(str(error)) from None

    def receive(self) -> tuple[str, list[Any]]:
        size = int.from_bytes(self._exactly(4), "big")
        if size > MAX_MESSAGE:
            raise Gone(f"a message of {size:,} bytes")
        try:
            kind, content = loads(self._exactly(size))
        except (Broken, TypeError, ValueError) as error:
            raise Gone(str(error)) from None
        if kind not in ("ask", "answer") or type(content) is not list:
            raise Gone("neither a question nor an answer")
        return kind, content

    def _exactly(self, size: int) -> bytes:
        parts, missing = [self._left], size - len(self._left)
        while missing > 0:
            part = os.read(self._reads, max(min(missing, 2**20), 65_536))
            if not part:
                raise Gone("it has ended")
            parts.append(part)
            missing -= len(part)
        whole = b"".join(parts)
        self._left = whole[size:]
        return whole[:size]


def content_of(job: int) -> dict[str, Any]:
    """A job, read to its end: written by the one that started the nursery, with the same Python."""
    parts = []
    while part := os.read(job, 2**20):
        parts.append(part)
    os.close(job)
    content: dict[str, Any] = marshal.loads(b"".join(parts))
    return content
