"""Signing in by OpenID Connect: the authorization code flow with PKCE (OpenID Connect Core 1.0 section 3.1, RFC 7636).

Somebody signs in who was added under the e-mail address that the provider has verified. Needs `whet[oidc]` (joserfc).
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import Request, urlopen

from whet.base.errors import ConfigError
from whet.server.errors import Refusal

CLIENT, SECRET = "WHET_OIDC_CLIENT_ID", "WHET_OIDC_CLIENT_SECRET"
# Signing in may take ten minutes; so many people may be about it at once.
_OPEN_S, _OPEN = 600.0, 10_000
_TIMEOUT_S, _MOST_BYTES = 10.0, 1 << 20
_ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]
# Clocks of two machines may differ by so much.
_LEEWAY_S = 60


@dataclass(frozen=True, slots=True)
class _Begun:
    """One who has been sent to the provider: with which nonce and verifier, when, and where they wanted to go."""

    nonce: str
    verifier: str
    next: str
    time: float


class Provider:
    """A provider, whose addresses are read from its discovery document once somebody signs in."""

    def __init__(self, issuer: str, client: str, secret: str) -> None:
        if urlsplit(issuer).scheme != "https" and urlsplit(issuer).hostname not in ("localhost", "127.0.0.1"):
            raise ConfigError("an issuer is an https address", at="--oidc", hint="--oidc https://login.example.org")
        if not client:
            raise ConfigError(
                "the provider's id for this server is missing",
                at=CLIENT,
                hint=f"export {CLIENT}=whet, or what the provider calls this server",
            )
        self._issuer, self._client, self._secret = issuer.rstrip("/"), client, secret
        self._begun: OrderedDict[str, _Begun] = OrderedDict()
        self._lock = threading.Lock()
        self._known: tuple[float, dict[str, Any]] = (0.0, {})

    def begin(self, back: str, next: str) -> tuple[str, str]:
        """Where to send somebody, and the state that their browser keeps. `back` is where the provider returns them."""
        state, one = secrets.token_urlsafe(24), _Begun(
            secrets.token_urlsafe(24), secrets.token_urlsafe(48), next, time.monotonic()
        )  # fmt: skip
        with self._lock:
            self._begun[state] = one
            while len(self._begun) > _OPEN:
                self._begun.popitem(last=False)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(one.verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code", "client_id": self._client, "redirect_uri": back, "scope": "openid email",
            "state": state, "nonce": one.nonce, "code_challenge": challenge, "code_challenge_method": "S256",
        }  # fmt: skip
        place = str(self._discovered()["authorization_endpoint"])
        return f"{place}{'&' if '?' in place else '?'}{urlencode(asked)}", state

    def end(self, state: str, code: str, back: str) -> tuple[str, str]:
        """The e-mail address of who has returned, and where they wanted to go. Raises Refusal."""
        with self._lock:
            one = self._begun.pop(state, None)
        if one is None or one.time < time.monotonic() - _OPEN_S:
            raise Refusal("UNAUTHENTICATED", "signing in took too long: begin again")
        asked = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": back, "client_id": self._client,
            "code_verifier": one.verifier, **({"client_secret": self._secret} if self._secret else {}),
        }  # fmt: skip
        told = _fetched(str(self._discovered()["token_endpoint"]), urlencode(asked).encode())
        claims = self._claims(str(told.get("id_token", "")), one.nonce)
        email = claims.get("email")
        if not email or claims.get("email_verified") is not True:
            raise Refusal("PERMISSION_DENIED", "the provider tells no e-mail address that it has verified")
        return str(email).lower(), one.next

    def _claims(self, token: str, nonce: str) -> Mapping[str, Any]:
        """What an ID token says, after its signature, issuer, audience, times and nonce were checked."""
        from joserfc import jwt
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        rules = jwt.JWTClaimsRegistry(
            leeway=_LEEWAY_S,
            iss={"essential": True, "value": self._discovered()["issuer"]},
            aud={"essential": True, "value": self._client},
            exp={"essential": True}, nonce={"essential": True, "value": nonce},
        )  # fmt: skip
        try:
            keys = KeySet.import_key_set(_fetched(str(self._discovered()["jwks_uri"])))  # type: ignore[arg-type]
            found = jwt.decode(token, keys, algorithms=_ALGORITHMS)
            rules.validate(found.claims)
        except (JoseError, ValueError) as error:
            raise Refusal("UNAUTHENTICATED", f"the provider's answer does not hold: {error}") from None
        return found.claims

    def _discovered(self) -> dict[str, Any]:
        """The provider's addresses, an hour old at most."""
        read, found = self._known
        if not found or read < time.monotonic() - 3600:
            found = _fetched(f"{self._issuer}/.well-known/openid-configuration")
            missing = [n for n in ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri") if n not in found]
            if missing or str(found["issuer"]).rstrip("/") != self._issuer:
                raise Refusal("TEMPORARILY_UNAVAILABLE", "what the provider says of itself is not what was configured")
            self._known = time.monotonic(), found
        return found


def provider_of(issuer: str, environ: Mapping[str, str]) -> Provider:
    """The provider of an issuer, with this server's id and secret from the environment. Raises ConfigError."""
    try:
        import joserfc  # noqa: F401
    except ImportError:
        raise ConfigError("OpenID Connect needs joserfc", at="--oidc", hint="pip install 'whet[oidc]'") from None
    return Provider(issuer, environ.get(CLIENT, ""), environ.get(SECRET, ""))


def _fetched(url: str, body: bytes | None = None) -> dict[str, Any]:
    try:
        with urlopen(Request(url, body, {"Accept": "application/json"}), timeout=_TIMEOUT_S) as answer:
            found = json.loads(answer.read(_MOST_BYTES))
    except (URLError, OSError, ValueError) as error:
        raise Refusal("TEMPORARILY_UNAVAILABLE", f"the provider does not answer as it should: {error}") from None
    if not isinstance(found, dict):
        raise Refusal("TEMPORARILY_UNAVAILABLE", "the provider does not answer as it should")
    return found
