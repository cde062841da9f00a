"""Servers on this machine that behave as they are told: hooks over HTTP, and a mail server."""

from __future__ import annotations

import base64
import json
import socket
import socketserver
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Hooks:
    """Takes JSON that is posted to it. `answers` are what the next requests get; after these, 200.

    An answer is a status, a tuple of status, headers and body, or `hang`, `drip`, `close`.
    """

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.taken: list[dict[str, Any]] = []
        self.ended = threading.Event()
        hooks = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = hooks.answers.pop(0) if hooks.answers else 200
                hooks.taken.append(
                    {"path": self.path, "headers": dict(self.headers), "json": json.loads(body), "answer": answer}
                )
                hooks.answer(self, answer)

            def log_message(self, *words: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook/T0PSECRET"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler, answer: Any) -> None:
        if answer == "hang":
            self.ended.wait(60)
        elif answer == "close":
            request.connection.shutdown(socket.SHUT_RDWR)
        elif answer == "drip":
            request.wfile.write(b"HTTP/1.1 200 OK\r\n")
            while not self.ended.wait(0.05):
                try:
                    request.wfile.write(b"X")
                except OSError:
                    return
        else:
            status, headers, body = answer if isinstance(answer, tuple) else (answer, {}, b"{}")
            request.send_response(status)
            for name, value in headers.items():
                request.send_header(name, value)
            request.send_header("Content-Length", str(len(body)))
            request.end_headers()
            request.wfile.write(body)

    @property
    def bodies(self) -> list[Any]:
        """The JSON of the requests that were answered with 200."""
        return [one["json"] for one in self.taken if one["answer"] == 200]

    def close(self) -> None:
        self.ended.set()
        self.server.shutdown()
        self.server.server_close()


@contextmanager
def hooks(*answers: Any) -> Iterator[Hooks]:
    found = Hooks(*answers)
    try:
        yield found
    finally:
        found.close()


class MailServer(socketserver.ThreadingTCPServer):
    """A mail server of a few words. With `context` it speaks TLS, at once or after STARTTLS."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, context: ssl.SSLContext | None = None, at_once: bool = False, refuse: int | None = None) -> None:
        self.mails: list[str] = []
        self.logins: list[tuple[str, bool]] = []
        self.context, self.at_once, self.refuse = context, at_once, refuse
        super().__init__(("127.0.0.1", 0), _Mail)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class _Mail(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self.is_tls = False
        if self.server.at_once:
            self.wrap()
        self.say("220 here")
        while line := self.rfile.readline().decode().strip():
            word, _, rest = line.partition(" ")
            match word.upper():
                case "EHLO":
                    self.say("250-here")
                    if self.server.context and not self.is_tls:
                        self.say("250-STARTTLS")
                    self.say("250 AUTH PLAIN")
                case "STARTTLS":
                    self.say("220 go on")
                    self.wrap()
                case "AUTH":
                    said = base64.b64decode(rest.partition(" ")[2]).decode().split("\0")
                    self.server.logins.append((":".join(said[1:]), self.is_tls))
                    self.say("235 yes" if said[2] == "T0PSECRET" else "535 no")
                case "RCPT" if self.server.refuse:
                    self.say(f"{self.server.refuse} not now")
                case "DATA":
                    self.say("354 speak")
                    lines = []
                    while (text := self.rfile.readline().decode().rstrip("\r\n")) != ".":
                        lines.append(text)
                    self.server.mails.append("\n".join(lines))
                    self.say("250 taken")
                case "QUIT":
                    self.say("221 bye")
                    return
                case _:
                    self.say("250 yes")

    def wrap(self) -> None:
        assert self.server.context is not None
        self.connection = self.server.context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
        self.is_tls = True

    def say(self, words: str) -> None:
        self.wfile.write(words.encode() + b"\r\n")


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate of `localhost`, for those who trust it, and the context of a server that has it."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return cert, context


def until(holds: Any, seconds: float = 60.0) -> Any:
    """Wait for something to become true, and return it; the wait is long so that a busy machine passes."""
    end = time.monotonic() + seconds
    while not (found := holds()):
        if time.monotonic() > end:
            raise AssertionError("it never came")
        time.sleep(0.05)
    return found
