"""Keys: what programs ask with in the name of a person, told once and kept as digests."""

from __future__ import annotations

import secrets
import time
from typing import Any

from whet.base.errors import ConfigError
from whet.server.access.database import Database, digest
from whet.server.access.people import People, role_of
from whet.server.access.person import Person, Role
from whet.server.access.sessions import NOTED_S

PREFIX = "whet_"


class Keys:
    """All keys."""

    def __init__(self, database: Database, people: People) -> None:
        self._database, self._people = database, people

    def listed(self, person: str | None = None) -> list[dict[str, Any]]:
        """Keys of somebody, or of all: what they are for, and when they were last used; never the keys."""
        query = "select id, label, person, role, made, seen from keys where ? is null or person = ? order by id"
        with self._database.reading() as db:
            rows = db.execute(query, (person, person)).fetchall()
        return [{**dict(row), "role": Role(row["role"]).word} for row in rows]

    def make(self, person: str, label: str, role: str) -> str:
        """A new key. It may do no more than `role`, and no more than the person may at that time."""
        key = PREFIX + secrets.token_urlsafe(32)
        row = (digest(key), label[:200], person, int(role_of(role)), time.time())
        if self._people.find(person) is None:
            raise ConfigError(f"there is no `{person}`", at="person", hint="whet team list")
        with self._database.writing() as db:
            db.execute("insert into keys (digest, label, person, role, made) values (?, ?, ?, ?, ?)", row)
        return key

    def remove(self, id: int, person: str | None = None) -> bool:
        """Remove a key, if it is that person's. Whether there was one."""
        with self._database.writing() as db:
            query = "delete from keys where id = ? and (? is null or person = ?)"
            return db.execute(query, (id, person, person)).rowcount > 0

    def find(self, key: str) -> Person | None:
        """Who asks with a key, with no higher role than it has; None where it does not hold."""
        now = time.time()
        with self._database.reading() as db:
            row = db.execute("select id, person, role, seen from keys where digest = ?", (digest(key),)).fetchone()
        if row is None or (person := self._people.find(row["person"])) is None:
            return None
        if (row["seen"] or 0.0) < now - NOTED_S:
            with self._database.writing() as db:
                db.execute("update keys set seen = ? where id = ?", (now, row["id"]))
        return Person(person.name, {project: min(role, Role(row["role"])) for project, role in person.roles.items()})
