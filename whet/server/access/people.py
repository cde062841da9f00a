"""People of a team: who there is, their roles by project, and their passwords, which they choose by an invitation."""

from __future__ import annotations

import re
import secrets
import sqlite3
import time
from typing import Any

from whet.base.errors import ConfigError
from whet.server.access.database import Database, digest
from whet.server.access.passwords import checked, hashed, is_right
from whet.server.access.person import EVERY, ROLES, Person, Role

INVITATION_S = 7 * 24 * 3600.0
NO_ROLE = "none"
_NAME = re.compile(r"[\w.@+-]{1,80}")


class People:
    """Everybody in the accounts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def listed(self) -> list[dict[str, Any]]:
        """Everybody by name, with roles by project, and whether they have chosen a password."""
        with self._database.reading() as db:
            roles = db.execute("select person, project, role from roles").fetchall()
            found = db.execute("select name, hash, made from people order by name").fetchall()
        return [
            {
                "name": one["name"], "is_active": one["hash"] is not None, "made": one["made"],
                "roles": {r["project"]: Role(r["role"]).word for r in roles if r["person"] == one["name"]},
            }
            for one in found
        ]  # fmt: skip

    def find(self, name: str) -> Person | None:
        """Somebody with their roles; None where nobody has the name."""
        with self._database.reading() as db:
            if not _is_there(db, name):
                return None
            roles = db.execute("select project, role from roles where person = ?", (name,)).fetchall()
        return Person(name, {row["project"]: Role(row["role"]) for row in roles})

    def add(self, name: str, role: str, project: str = EVERY) -> str:
        """A new person with a role in a project. Returns an invitation, by which they choose a password."""
        if not _NAME.fullmatch(name):
            raise ConfigError(f"{ascii(name[:80])} is no name", at="name", hint="letters, digits and . _ - @ +")
        with self._database.writing() as db:
            if _is_there(db, name):
                raise ConfigError(f"there is a `{name}` already", at="name", hint=f"whet team invite {name}")
            db.execute("insert into people values (?, null, ?)", (name, time.time()))
            _give(db, name, project, role)
            return _invite(db, name)

    def first(self, name: str) -> str | None:
        """An invitation of the first admin: a new one each time until it was taken up.

        None where somebody has chosen a password, or others were added, who have invitations of their own.
        """
        found = {one["name"]: one for one in self.listed()}
        if not found:
            return self.add(name, "admin")
        is_waiting = name in found and "admin" in found[name]["roles"].values()
        return self.invite(name) if is_waiting and not any(one["is_active"] for one in found.values()) else None

    def give(self, name: str, project: str, role: str) -> None:
        """Give somebody a role in a project, or `none`. Refused where nobody would be left who may do everything."""
        with self._database.writing() as db:
            _check_is_there(db, name)
            _give(db, name, project, role)

    def remove(self, name: str) -> None:
        """Remove somebody with sessions and keys. What they did stays in the audit log."""
        with self._database.writing() as db:
            _check_is_there(db, name)
            db.execute("delete from people where name = ?", (name,))
            _check_an_admin_is_left(db)

    def invite(self, name: str) -> str:
        """A word that lets somebody choose a (new) password, once, within a week."""
        with self._database.writing() as db:
            _check_is_there(db, name)
            return _invite(db, name)

    def invited(self, word: str) -> str | None:
        """Whom an invitation is for; None for one that does not hold."""
        with self._database.reading() as db:
            query = "select person from invitations where digest = ? and made > ?"
            row = db.execute(query, (digest(word), time.time() - INVITATION_S)).fetchone()
        return row["person"] if row else None

    def accept(self, word: str, password: str) -> str | None:
        """Choose a password by an invitation, which ends all sessions. Whose it is; None where it does not hold."""
        kept = hashed(checked(password))
        with self._database.writing() as db:
            query = "delete from invitations where digest = ? and made > ? returning person"
            row = db.execute(query, (digest(word), time.time() - INVITATION_S)).fetchone()
            if row is None:
                return None
            db.execute("update people set hash = ? where name = ?", (kept, row["person"]))
            db.execute("delete from sessions where person = ?", (row["person"],))
        return row["person"]

    def is_password(self, name: str, password: str) -> bool:
        """Whether it is somebody's password; as slow for a name that nobody has."""
        with self._database.reading() as db:
            row = db.execute("select hash from people where name = ?", (name,)).fetchone()
        return is_right(password, row["hash"] if row else None)


def role_of(word: str) -> Role:
    """The role of that word. Raises ConfigError."""
    if word not in ROLES:
        raise ConfigError(f"there is no role `{word}`", at="role", hint=f"one of: {', '.join(ROLES)}")
    return ROLES[word]


def _is_there(db: sqlite3.Connection, name: str) -> bool:
    return db.execute("select 1 from people where name = ?", (name,)).fetchone() is not None


def _check_is_there(db: sqlite3.Connection, name: str) -> None:
    if not _is_there(db, name):
        raise ConfigError(f"there is no `{name}`", at="name", hint="whet team list")


def _give(db: sqlite3.Connection, name: str, project: str, role: str) -> None:
    if role == NO_ROLE:
        db.execute("delete from roles where person = ? and project = ?", (name, project))
    else:
        db.execute("insert or replace into roles values (?, ?, ?)", (name, project, int(role_of(role))))
    _check_an_admin_is_left(db)


def _check_an_admin_is_left(db: sqlite3.Connection) -> None:
    query = "select 1 from roles where project = ? and role = ?"
    if db.execute(query, (EVERY, int(Role.ADMIN))).fetchone() is None:
        hint = "whet team role ada admin, for somebody else first"
        raise ConfigError("nobody would be left who may do everything", at="role", hint=hint)


def _invite(db: sqlite3.Connection, name: str) -> str:
    word, now = secrets.token_urlsafe(32), time.time()
    db.execute("delete from invitations where person = ? or made < ?", (name, now - INVITATION_S))
    db.execute("insert into invitations values (?, ?, ?)", (digest(word), now, name))
    return word
