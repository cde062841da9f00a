"""The audit log: what people did through the server, or tried to."""

from __future__ import annotations

import time
from typing import Any

from whet.server.access.database import Database

_KEPT = 100_000


class Audit:
    """The last hundred thousand entries."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, person: str, address: str, action: str, status: int) -> None:
        """Write down an action, such as `PATCH /api/v1/runs`, with the HTTP status of its answer."""
        row = (time.time(), person[:80], address, action[:300], status)
        with self._database.writing() as db:
            new = db.execute("insert into audit (time, person, address, action, status) values (?, ?, ?, ?, ?)", row)
            db.execute("delete from audit where id <= ?", ((new.lastrowid or 0) - _KEPT,))

    def listed(self, limit: int, before: int | None = None) -> list[dict[str, Any]]:
        """Entries, the latest first, of those before the one of an id."""
        query = "select * from audit where ? is null or id < ? order by id desc limit ?"
        with self._database.reading() as db:
            return [dict(row) for row in db.execute(query, (before, before, limit)).fetchall()]
