"""One token: whoever has it may do everything. The access to a server that is one person's."""

from __future__ import annotations

import hmac
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response

from whet.server.access.asked import Asked
from whet.server.access.person import OWNER, Person
from whet.server.errors import Refusal

# What is answered to anybody: that a server is there.
OPEN = frozenset({"/health", "/api/v1/health"})


def cookie_of(host: str) -> str:
    """The cookie of the server at a `host:port`: a browser gives the cookies of a host to all of its ports."""
    port = host.rpartition(":")[2]
    return f"whet_token_{port}" if port.isascii() and port.isdigit() else "whet_token"


class OneToken:
    """The token comes as a bearer's, as a password, in our cookie, or, from who has just been told it, in the query."""

    def __init__(self, token: str) -> None:
        self._token = token

    @property
    def placing(self) -> None:
        """Nobody's rights depend on it."""

    def person(self, asked: Asked) -> Person | None:
        if self._is_token(asked.secret or asked.cookie(cookie_of(asked.headers.get("host", "")))):
            return OWNER
        return OWNER if self._is_in_query(asked) and not _is_browser(asked) else None

    def stranger(self, asked: Asked) -> Response | None:
        if asked.path in OPEN:
            return None
        if not self._is_in_query(asked):
            said = "a token is needed: it is in the address that was printed at the start, or in WHET_TOKEN there"
            raise Refusal("UNAUTHENTICATED", said)
        return self._welcome(asked)

    def note(self, asked: Asked, person: Person | None, status: int) -> None:
        """One person's server keeps no book."""

    def close(self) -> None:
        """There is nothing to let go of."""

    def _welcome(self, asked: Asked) -> Response:
        """A browser takes the token as a cookie, so that it stands in no address or history."""
        rest = urlencode([(name, value) for name, value in asked.query if name != "token"])
        # One slash at the front: two would lead to another host.
        place = "/" + asked.path.lstrip("/") + (f"?{rest}" if rest else "")
        answer = RedirectResponse(place, 303)
        answer.set_cookie(
            cookie_of(asked.headers.get("host", "")), self._token, httponly=True, samesite="strict", path="/"
        )
        return answer

    def _is_in_query(self, asked: Asked) -> bool:
        return self._is_token(dict(asked.query).get("token", ""))

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(errors="replace"), self._token.encode())


def _is_browser(asked: Asked) -> bool:
    return asked.method == "GET" and "text/html" in asked.headers.get("accept", "")
