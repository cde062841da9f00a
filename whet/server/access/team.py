"""A team's access: people sign in on the page, programs ask with keys, and what is changed stands in the audit log."""

from __future__ import annotations

import hmac
from pathlib import Path

from starlette.responses import Response

from whet.server.access.asked import Asked
from whet.server.access.audit import Audit
from whet.server.access.database import Database
from whet.server.access.keys import Keys
from whet.server.access.oidc import Provider
from whet.server.access.people import People
from whet.server.access.person import Person
from whet.server.access.placed import Placed
from whet.server.access.sessions import Sessions
from whet.server.access.throttle import Throttle
from whet.server.access.token import OPEN
from whet.server.errors import Refusal

COOKIE, WORD = "whet_session", "x-whet-word"
# What people need before they have signed in: to do so, and to take up an invitation.
_SIGN_IN = frozenset({"/api/v1/session", "/api/v1/invitation"})
_OIDC = "/api/v1/oidc/"


class Team:
    """Accounts of the people who share a folder of runs."""

    def __init__(self, root: Path, provider: Provider | None = None) -> None:
        self.provider = provider
        self._database = Database(root)
        self.people = People(self._database)
        self.sessions = Sessions(self._database)
        self.keys = Keys(self._database, self.people)
        self.placing = Placed(self._database)
        self.audit = Audit(self._database)
        self.throttle = Throttle()

    def person(self, asked: Asked) -> Person | None:
        if asked.secret:
            return self._by_key(asked)
        session = self.sessions.find(cookie) if (cookie := asked.cookie(COOKIE)) else None
        if session is None:
            return None
        name, word = session
        if not asked.is_safe and not hmac.compare_digest(asked.headers.get(WORD, "").encode(), word.encode()):
            raise Refusal("PERMISSION_DENIED", f"a change from a page comes with the header {WORD}: load the page anew")
        return self.people.find(name)

    def stranger(self, asked: Asked) -> Response | None:
        if asked.path in OPEN or asked.path in _SIGN_IN or asked.path.startswith(_OIDC) or asked.is_of_page:
            return None
        raise Refusal("UNAUTHENTICATED", "sign in on the page, or ask with a key: `whet team key NAME` makes one")

    def note(self, asked: Asked, person: Person | None, status: int) -> None:
        self.audit.note(person.name if person else "", asked.address, f"{asked.method} {asked.path}", status)

    def close(self) -> None:
        self._database.close()

    def _by_key(self, asked: Asked) -> Person | None:
        """Keys are 256 random bits, so a wrong one is a mistake or a search; a search is made to wait."""
        place = f"key from {asked.address}"
        wait_s = self.throttle.wait_s(place)
        if wait_s:
            raise Refusal("TOO_MANY_REQUESTS", f"too many keys that do not hold: wait {wait_s:.0f} s", wait_s=wait_s)
        found = self.keys.find(asked.secret)
        if found is None:
            self.throttle.failed(place)
            raise Refusal("UNAUTHENTICATED", "this key does not hold (any more)")
        return found
