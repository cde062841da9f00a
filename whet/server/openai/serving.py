"""Serving a model: a socket on this machine, an address and a key in print, and uvicorn until it is told to stop."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from whet.base.errors import ConfigError
from whet.server.ending import Config, Server
from whet.server.openai.app import Served
from whet.server.openai.callers import Anybody, Callers, OneKey
from whet.server.openai.key_file import KeyFile
from whet.server.openai.passing.app import Passed
from whet.server.openai.passing.service import PassingService
from whet.server.openai.service import Service
from whet.server.patience import is_own, limits
from whet.server.secret import KEY, Secret
from whet.server.serving import address_of, bound

_OPEN = "Others on the network can reach it, and read what is sent: put TLS before it."


# Connections at once; a request that waits has one.
_MOST_CONNECTIONS = 16_384


@dataclass(frozen=True, slots=True)
class Entry:
    """Who may ask, and the key that is to be printed; none where whoever is to have one has it."""

    callers: Callers
    printed: str = ""


# Answers that are under way when the server is ended have so long.
DRAIN_S = 30


def serve(
    opened: Callable[[], Service | PassingService], host: str, port: int, hosts: Sequence[str], entry: Entry,
    drain_s: int = DRAIN_S,
) -> None:  # fmt: skip
    """Serve a model until a signal ends it; answers under way have `drain_s` seconds then. Raises ConfigError where the
    port cannot be had, before the model is loaded, and RunError where the engine that answers is given up."""
    listening = bound(host, port)
    service = opened()
    is_passing = isinstance(service, PassingService)
    app: Served = (Passed if is_passing else Served)(service, entry.callers, [host, *hosts])  # type: ignore[arg-type]
    print(f"{address_of(host, listening.getsockname()[1])}/v1", flush=True)
    if entry.printed:
        print(f"key: {entry.printed}", flush=True)
    names = ", ".join((*service.names, *service.adapters))
    is_open = host != "localhost" and not is_own(host)
    print(f"serves {names}; Ctrl-C stops. {_OPEN if is_open else ''}", file=sys.stderr, flush=True)
    # How many are answered and wait the engine decides, and says so in OpenAI's form: uvicorn's limit is far beyond.
    bounds = limits() | {"limit_concurrency": min(_MOST_CONNECTIONS, _open_files() // 2)}
    config = Config(
        app, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=drain_s, **bounds
    )
    server = Server(config, app.end)
    if not isinstance(service, PassingService):
        server.run(sockets=[listening])
        return
    service.supervisor.on_failure = partial(setattr, server, "should_exit", True)
    try:
        server.run(sockets=[listening])
    finally:
        service.close()
    if service.supervisor.failure is not None:
        raise service.supervisor.failure


def _open_files() -> int:
    """How many files and connections this process may have open: as many as the system lets it."""
    try:
        import resource
    except ImportError:  # not on Windows
        return _MOST_CONNECTIONS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * _MOST_CONNECTIONS if hard == resource.RLIM_INFINITY else min(hard, 2 * _MOST_CONNECTIONS)
    if 0 <= soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def entry_of(given: str, keys: Path | None, *, is_open: bool = False) -> Entry:
    """The keys of a file, else the one that was given, else a random one, which is printed: whoever gave one has it,
    and logs are read by others. Anybody where it `is_open`. Raises ConfigError for a key that no header can hold, and
    for two of these at once."""
    if is_open:
        if given or keys is not None:
            said = "a key is given, and none is asked for"
            raise ConfigError(said, at="--no-key", hint="leave out --no-key, or the key (WHET_API_KEY is one)")
        print("no key is asked for: whoever reaches this server may ask it", file=sys.stderr, flush=True)
        return Entry(Anybody())
    if keys is not None:
        if given:
            said = "keys come from a file, and another one is given beside it"
            raise ConfigError(said, at="--keys", hint=f"whet keys add me --file {keys}")
        return Entry(KeyFile(keys))
    key = key_of(given)
    return Entry(OneKey(key.text), "" if key.is_given else key.text)


def key_of(given: str) -> Secret:
    """The key that was given, or a random one of 192 bits. Raises ConfigError for one that no header can hold."""
    if not given:
        return Secret(f"whet-{secrets.token_urlsafe(24)}", is_given=False)
    if not given.isascii() or not given.isprintable() or " " in given:
        raise ConfigError("the key has letters that no header can hold", at=KEY, hint="openssl rand -hex 32")
    return Secret(given, is_given=True)
