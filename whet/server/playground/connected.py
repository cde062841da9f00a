"""A server that was there before: it speaks OpenAI's API, and was named when this one was started."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from whet.base.errors import ConfigError

# The key that such servers are asked with.
KEY = "WHET_ENGINE_KEY"
_OPTION = "--engine"


@dataclass(frozen=True, slots=True)
class Connected:
    """A model by the name that it was given here, at an address without `/v1`. It is neither started nor ended."""

    model: str
    url: str
    key: str = field(repr=False, default="")
    began: float = field(default_factory=time.time)
    state = "ready"
    message = hint = ""
    is_alive, is_ours, idle_s = True, False, 0.0

    @property
    def id(self) -> str:
        return self.model

    @contextmanager
    def asked(self) -> Iterator[None]:
        """While a request of somebody is answered."""
        yield

    def touch(self) -> None:
        """It is wanted."""

    def end(self) -> None:
        """It belongs to somebody else, and goes on."""


def connected(given: Sequence[str]) -> list[Connected]:
    """Servers as they are typed, `NAME=URL`. Raises ConfigError for what is none."""
    key, found = os.environ.get(KEY, ""), dict[str, Connected]()
    for one in given:
        name, equals, url = one.partition("=")
        if not (name and equals and _is_address(url)) or "/" in name or not name.isprintable():
            hint = f"{_OPTION} prod=http://127.0.0.1:8080/v1"
            raise ConfigError(f"`{one[:200]}` names no server of a model", at=_OPTION, hint=hint)
        if name in found:
            raise ConfigError(f"two servers are called `{name}`", at=_OPTION, hint=f"{_OPTION} {name}-2={url}")
        found[name] = Connected(name, url.rstrip("/").removesuffix("/v1"), key)
    return list(found.values())


def _is_address(url: str) -> bool:
    """Whether a connection can be made to it: what else an address may hold, such as a password, would be lost."""
    try:
        told = urlsplit(url)
        return (
            told.scheme in ("http", "https") and bool(told.hostname) and told.port != 0
            and "@" not in told.netloc and not (told.query or told.fragment) and url.isprintable() and " " not in url
        )  # fmt: skip
    except ValueError:
        return False
