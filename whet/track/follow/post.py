"""Posting over HTTP: to a checked address, within a deadline, following no redirect and believing no long answer."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import SplitResult, urlsplit

from whet.track.follow.addresses import Allowed, connected
from whet.track.follow.undelivered import Undelivered
from whet.track.script.plain import to_json

# From the connection to the last byte of the answer, however slowly they drip; the name is resolved before.
DEADLINE_S = 15.0
LONGEST_BYTES = 1 << 16
# A server may not silence a channel for longer.
LONGEST_WAIT_S = 3600.0


def post_json(url: str, value: Any, allowed: Allowed, headers: Mapping[str, str] | None = None) -> Any:
    """Post JSON and return the answer's JSON, or None where it is none.

    Raises Undelivered for an answer other than 2xx: final for 4xx, but for 408, 425 and 429, and for redirects.
    """
    try:
        status, said, wait = _post(_checked(url), to_json(value), allowed, dict(headers or {}))
    except Undelivered:
        raise
    except (OSError, http.client.HTTPException) as error:
        raise Undelivered(f"`{_host(url)}` broke off: {type(error).__name__}") from None
    if not 200 <= status < 300:
        is_final = 300 <= status < 500 and status not in (408, 425, 429)
        raise Undelivered(f"`{_host(url)}` answered {status}{_hint(status)}", retry_after_s=wait, is_final=is_final)
    try:
        return json.loads(said)
    except ValueError:
        return None


@contextmanager
def deadline(connection: socket.socket, seconds: float) -> Iterator[None]:
    """Break a connection off when its time is over, whatever it waits for. Raises TimeoutError then."""
    is_over = threading.Event()
    held = connection.dup()  # TLS takes the descriptor out of the socket that it wraps

    def end() -> None:
        is_over.set()
        with suppress(OSError):
            held.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        held.close()
    if is_over.is_set():  # what was read until then looks like a whole answer
        raise TimeoutError


class _Connection(http.client.HTTPConnection):
    """A connection over a socket that stands already."""

    def __init__(self, host: str, port: int, ready: socket.socket) -> None:
        super().__init__(host, port)
        self.sock = ready


def _post(url: SplitResult, body: bytes, allowed: Allowed, headers: dict[str, str]) -> tuple[int, bytes, float | None]:
    host, is_tls = str(url.hostname), url.scheme == "https"
    port = url.port or (443 if is_tls else 80)
    raw, address = connected(host, port, allowed, DEADLINE_S)
    with raw, deadline(raw, DEADLINE_S):
        if is_tls:
            ready: socket.socket = ssl.create_default_context().wrap_socket(raw, server_hostname=host)
        elif allowed.names(address):
            ready = raw
        else:
            raise Undelivered(
                f"`{host}` is spoken to without TLS: an https:// URL, or allow: [{address}]", is_final=True
            )
        with ready:
            connection = _Connection(host, port, ready)
            path = f"{url.path or '/'}?{url.query}" if url.query else url.path or "/"
            netloc = url.netloc.rpartition("@")[2]
            connection.request("POST", path, body, {"Content-Type": "application/json", "Host": netloc, **headers})
            answer = connection.getresponse()
            return answer.status, answer.read(LONGEST_BYTES), _wait(answer.headers.get("Retry-After"))


def _checked(url: str) -> SplitResult:
    """The parts of a URL. Raises Undelivered, without the URL, for what is none."""
    try:
        split = urlsplit(url)
        _ = split.port
    except ValueError:
        raise Undelivered("the URL is none", is_final=True) from None
    if split.scheme not in ("https", "http") or not split.hostname:
        raise Undelivered("the URL does not begin with https://", is_final=True)
    return split


def _host(url: str) -> str:
    return str(urlsplit(url).hostname)


def _hint(status: int) -> str:
    return ", and redirects are not followed" if 300 <= status < 400 else ""


def _wait(text: str | None) -> float | None:
    """Seconds of a `Retry-After`, which is a number or a date."""
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - time.time()
        except (ValueError, TypeError):
            return None
    return min(max(seconds, 0.0), LONGEST_WAIT_S) if seconds == seconds else None
