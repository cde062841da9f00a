"""The audit log: what people did through the server, or tried to."""

from __future__ import annotations

import time
from typing import Any

from whet.server.access.database import Database

_KEPT = 100_000
# So many of these may be of people who are not known: nobody without an account pushes out what others did.
_STRANGERS = 10_000
# What is too old is looked for once in so many entries, as it takes a look at all of them.
_EVERY = 256
_TRIM = (
    "delete from audit where (person != '') = ? and id <= "
    "(select id from audit where (person != '') = ? order by id desc limit 1 offset ?)"
)


class Audit:
    """The last hundred thousand entries of people, and the last ten thousand of whoever was not known."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, person: str, address: str, action: str, status: int) -> None:
        """Write down an action, such as `PATCH /api/v1/runs`, with the HTTP status of its answer."""
        row = (time.time(), person[:80], address, action[:300], status)
        with self._database.writing() as db:
            new = db.execute("insert into audit (time, person, address, action, status) values (?, ?, ?, ?, ?)", row)
            if (new.lastrowid or 0) % _EVERY == 0:
                for is_known, kept in ((True, _KEPT), (False, _STRANGERS)):
                    db.execute(_TRIM, (is_known, is_known, kept))

    def listed(self, limit: int, before: int | None = None) -> list[dict[str, Any]]:
        """Entries, the latest first, of those before the one of an id."""
        query = "select * from audit where ? is null or id < ? order by id desc limit ?"
        with self._database.reading() as db:
            return [dict(row) for row in db.execute(query, (before, before, limit)).fetchall()]
