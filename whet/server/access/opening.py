"""How a server is opened: to whoever has a token, with boards for everybody or without, or to a team."""

from __future__ import annotations

import getpass
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from whet.base.errors import ConfigError
from whet.server.access.asked import Access
from whet.server.secret import Secret

TOKEN = "WHET_TOKEN"
_SHORTEST = 16


@dataclass(frozen=True, slots=True)
class Opening:
    """Who is let in, and what the printed address ends with, by which whoever reads it is.

    `said` is told beside it where that cannot tell the way in: a word that was given is not printed.
    """

    access: Access
    first: str
    said: str = ""


def own(*, is_public: bool = False) -> Opening:
    """One token: that of WHET_TOKEN, else a random one. Raises ConfigError for one that is none."""
    from whet.server.access.public import Public
    from whet.server.access.token import OneToken

    token = token_of(os.environ.get(TOKEN, ""))
    access = (Public if is_public else OneToken)(token.text)
    if token.is_given:
        return Opening(access, "", f"Open it with ?token= and what {TOKEN} says.")
    return Opening(access, f"?token={token.text}")


def team(root: Path, issuer: str = "") -> Opening:
    """Accounts. Until somebody has come in, the address lets whoever starts the server become the first admin."""
    from whet.server.access.oidc import provider_of
    from whet.server.access.team import Team

    found = Team(root, provider_of(issuer, os.environ) if issuer else None)
    word = found.people.first(getpass.getuser())
    return Opening(found, f"invitation?word={word}" if word else "")


def token_of(given: str) -> Secret:
    """The token that was given, if it is one, or a random one of 256 bits. Raises ConfigError."""
    if not given:
        return Secret(secrets.token_urlsafe(32), is_given=False)
    if len(given) < _SHORTEST or not given.isascii() or not given.isprintable() or " " in given:
        raise ConfigError(
            f"{TOKEN} is no token", at=TOKEN, hint=f"at least {_SHORTEST} letters and digits: openssl rand -hex 32"
        )
    return Secret(given, is_given=True)
