"""The Hugging Face hub: whether it can be reached, found out before its client tries for half a minute."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

NUM_TRIES = 3
REST_S = 0.5
# How long an answer counts: a model's config, tokenizer and weights are asked for one after the other.
LASTS_S = 60.0
_PORTS = {"https": 443, "http": 80}


@contextmanager
def asked(name: str) -> Iterator[None]:
    """Inside, the hub may be asked for `name`; where it cannot be reached, only its cache on this machine is.

    Its client (huggingface_hub 2.4) tries six times and waits 23 s in between before it looks into the cache, for each
    file. A hub that accepts connections is left to it, however slowly it answers.
    """
    if Path(name).exists() or silence() is None:
        yield
        return
    from huggingface_hub import constants

    before, constants.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE, True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def silence() -> str | None:
    """Why the hub says nothing, in a few words: HF_HUB_OFFLINE, or nobody there; None if it can be asked."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE forbids to ask it"
    reason = _refusal(constants.ENDPOINT, constants.HF_HUB_ETAG_TIMEOUT / 2, int(time.monotonic() / LASTS_S))
    return f"{constants.ENDPOINT} cannot be reached ({reason})" if reason else None


@lru_cache(maxsize=8)
def _refusal(endpoint: str, timeout_s: float, _period: int) -> str | None:
    """Why no connection is accepted where requests to `endpoint` go, after a few tries; None if one is."""
    found: list[str | None] = []

    def connect() -> None:
        for attempt in range(NUM_TRIES):
            time.sleep(REST_S if attempt else 0)
            try:
                socket.create_connection(_first_stop(endpoint), timeout_s).close()
                reason = None
                break
            except OSError as error:
                reason = error.strerror or str(error) or type(error).__name__
        found.append(reason)

    # Looking up a name has no time limit of its own. A thread that is still at it does not keep the process alive.
    thread = Thread(target=connect, daemon=True)
    thread.start()
    thread.join(timeout_s)
    return found[0] if found else f"no answer within {timeout_s:.3g} s"


def _first_stop(endpoint: str) -> tuple[str, int]:
    """Host and port that a request to the endpoint connects to first: those of a proxy, where one is set."""
    target = urlsplit(endpoint)
    proxies = {} if proxy_bypass(target.hostname or "") else getproxies()
    proxy = proxies.get(target.scheme) or proxies.get("all")
    if proxy:
        target = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    return target.hostname or "", target.port or _PORTS.get(target.scheme, 1080)
