"""How a server is opened: to whoever has a token, with boards for everybody or without, or to a team."""

from __future__ import annotations

import getpass
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from whet.base.errors import ConfigError
from whet.server.access.asked import Access

TOKEN = "WHET_TOKEN"
_SHORTEST = 16


@dataclass(frozen=True, slots=True)
class Opening:
    """Who is let in, and what the printed address ends with, by which whoever reads it is."""

    access: Access
    first: str


def own(*, is_public: bool = False) -> Opening:
    """One token: that of WHET_TOKEN, else a random one. Raises ConfigError for one that is none."""
    from whet.server.access.public import Public
    from whet.server.access.token import OneToken

    token = token_of(os.environ.get(TOKEN, ""))
    return Opening((Public if is_public else OneToken)(token), f"?token={token}")


def team(root: Path, issuer: str = "") -> Opening:
    """Accounts. Until somebody has come in, the address lets whoever starts the server become the first admin."""
    from whet.server.access.oidc import provider_of
    from whet.server.access.team import Team

    found = Team(root, provider_of(issuer, os.environ) if issuer else None)
    word = found.people.first(getpass.getuser())
    return Opening(found, f"invitation?word={word}" if word else "")


def token_of(given: str) -> str:
    """The token that was given, if it is one, or a random one of 256 bits. Raises ConfigError."""
    if not given:
        return secrets.token_urlsafe(32)
    if len(given) < _SHORTEST or not given.isascii() or not given.isprintable() or " " in given:
        raise ConfigError(
            f"{TOKEN} is no token", at=TOKEN, hint=f"at least {_SHORTEST} letters and digits: openssl rand -hex 32"
        )
    return given
