"""Sessions: what a browser has after its person has signed in, a cookie and a word that changes are sent with."""

from __future__ import annotations

import secrets
import time

from whet.server.access.database import Database, digest

HOUR = 3600.0
# A session ends after half a day without a request, and at the latest after a month.
IDLE_S, LONGEST_S = 12 * HOUR, 30 * 24 * HOUR
# A request a minute is noted, so that a page which is watched does not write all the time.
NOTED_S = 60.0


class Sessions:
    """All sessions that hold."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, person: str) -> tuple[str, str]:
        """The cookie of a new session, and the word that requests which change something repeat (against CSRF)."""
        cookie, word, now = secrets.token_urlsafe(32), secrets.token_urlsafe(24), time.time()
        with self._database.writing() as db:
            db.execute("delete from sessions where seen < ? or made < ?", (now - IDLE_S, now - LONGEST_S))
            db.execute("insert into sessions values (?, ?, ?, ?, ?)", (digest(cookie), person, word, now, now))
        return cookie, word

    def find(self, cookie: str) -> tuple[str, str] | None:
        """Whose session a cookie is, and its word; None where it does not hold."""
        now, kept = time.time(), digest(cookie)
        with self._database.reading() as db:
            query = "select person, word, seen from sessions where digest = ? and seen > ? and made > ?"
            row = db.execute(query, (kept, now - IDLE_S, now - LONGEST_S)).fetchone()
        if row is None:
            return None
        if row["seen"] < now - NOTED_S:
            with self._database.writing() as db:
                db.execute("update sessions set seen = ? where digest = ?", (now, kept))
        return row["person"], row["word"]

    def end(self, cookie: str) -> None:
        """End a session."""
        with self._database.writing() as db:
            db.execute("delete from sessions where digest = ?", (digest(cookie),))
