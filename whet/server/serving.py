"""Serving: a socket on this machine, a token in the printed address, and uvicorn until it is told to stop."""

from __future__ import annotations

import errno
import ipaddress
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from whet.base.errors import ConfigError

if TYPE_CHECKING:
    from fastapi import APIRouter

    from whet.server.access.opening import Opening
    from whet.server.playground.connected import Connected


def serve(
    root: Path, host: str, port: int, names: Sequence[str], pages: Sequence[APIRouter], opening: Callable[[], Opening],
    engines: Sequence[Connected] = (),
) -> None:  # fmt: skip
    """Serve the runs under `root` until a signal ends it. Raises ConfigError where the port cannot be had.

    `pages` are served beside the API, and `engines` are talked to on them.
    """
    from whet.server.app import build
    from whet.server.ending import Config, Server
    from whet.server.patience import limits

    if root.exists() and not root.is_dir():
        raise ConfigError(f"{root} is a file, and runs lie in a folder", at="--root", hint=f"--root {root.parent}")
    listening = bound(host, port)
    address = address_of(host, listening.getsockname()[1])
    opened = opening()
    app = build(root, opened.access, [host, *names], pages, engines)
    print(f"{address}/{opened.first}", flush=True)
    said = " ".join(filter(None, (opened.said, "" if _is_loopback(host) else _OPEN)))
    print(f"runs in {root}; Ctrl-C stops. {said}", file=sys.stderr, flush=True)
    config = Config(
        app, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=10, **limits()
    )
    Server(config, app.end).run(sockets=[listening])


_OPEN = "Others on the network can reach it, and read what is sent: put TLS before it."


def address_of(host: str, port: int) -> str:
    """The address to type."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises ConfigError where the port cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named: only then asyncio has answers sent at once, and not after 40 ms of waiting for more.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(2048)
    except (OSError, OverflowError) as error:
        listening.close()
        said = getattr(error, "strerror", None) or str(error)
        is_host = isinstance(error, socket.gaierror) or getattr(error, "errno", None) == errno.EADDRNOTAVAIL
        raise ConfigError(
            f"port {port} of {host} cannot be had: {said}", at="--host" if is_host else "--port",
            hint="--host 127.0.0.1" if is_host else "--port 0, for any",
        ) from None  # fmt: skip
    return listening


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
