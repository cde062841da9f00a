"""Where a run is pushed: the address of a server and its token, from the command line, the environment or a keyring."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from whet.base.errors import ConfigError, setting_secret
from whet.base.own_key import keyring_path
from whet.track.follow.secrets import keyring
from whet.track.push.start import SERVER

TOKEN = "WHET_TOKEN"


@dataclass(frozen=True, slots=True)
class Address:
    """A server: scheme, host, port, the path before its routes, and the token (which `str` does not show)."""

    scheme: str
    host: str
    port: int
    path: str
    token: str = field(repr=False)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.path}"


def address_of(url: str | None, environ: Mapping[str, str] | None = None) -> Address:
    """The server at `url`, or at WHET_SERVER.

    The token is that in the address (`?token=...`), else WHET_TOKEN, else `token` under `[server]` of the keyring.
    Raises ConfigError where an address or a token is missing, or the address is none.
    """
    environ = os.environ if environ is None else environ
    given, at = (url, "--to") if url else (environ.get(SERVER, ""), SERVER)
    if not given:
        raise ConfigError(
            "it is not said where to push", at=SERVER, hint="--to http://127.0.0.1:8000, as `whet server` prints it"
        )
    try:
        split = urlsplit(given if "//" in given else f"http://{given}")
        port = split.port or {"http": 80, "https": 443}[split.scheme]
        host = split.hostname or ""
    except (ValueError, KeyError):
        host = ""
    if not host:
        raise ConfigError(
            "this is no address of a server", at=at, hint="http://localhost:8000, as `whet server` prints it"
        )
    token = parse_qs(split.query).get("token", [""])[0] or environ.get(TOKEN) or _kept()
    if not token:
        raise ConfigError(
            "there is no token for the server", at=at,
            hint=f"{setting_secret(TOKEN)}, or `token` under [server] in {keyring_path()}",
        )  # fmt: skip
    token = token.strip()
    if not token.isascii() or not token.isprintable():  # what http.client would say of it holds the token
        raise ConfigError("the token for the server is none", at=at, hint="letters and digits alone, on one line")
    return Address(split.scheme, host, port, split.path.rstrip("/"), token)


def _kept() -> str:
    section = keyring().get("server")
    return str(section.get("token") or "") if isinstance(section, Mapping) else ""
