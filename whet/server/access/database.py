"""The file of accounts: <root>/.team.sqlite, mode 600, shared by the processes that serve a folder of runs.

Of passwords there are scrypt hashes in it, of sessions, keys and invitations (which are random) SHA-256 digests:
nothing in it lets anybody in.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from whet.base.errors import RunError

FILE = ".team.sqlite"
_SCHEMA = """
create table if not exists people (name text primary key, hash text, made real not null);
create table if not exists roles (person text not null references people on delete cascade, project text not null,
    role integer not null, primary key (person, project));
create table if not exists sessions (digest text primary key, person text not null references people on delete cascade,
    word text not null, made real not null, seen real not null);
create table if not exists keys (id integer primary key, digest text not null unique, label text not null,
    person text not null references people on delete cascade, role integer not null, made real not null, seen real);
create table if not exists invitations (digest text primary key, made real not null,
    person text not null references people on delete cascade);
create table if not exists placed (run text primary key, project text not null);
create table if not exists audit (id integer primary key, time real not null, person text not null,
    address text not null, action text not null, status integer not null);
"""


class Database:
    """The file, open. Every use is one transaction. Raises RunError where it is damaged."""

    def __init__(self, root: Path) -> None:
        self.path = Path(root) / FILE
        self._lock = threading.Lock()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        os.chmod(self.path, 0o600)
        try:
            self._db = sqlite3.connect(self.path, timeout=10, check_same_thread=False, isolation_level=None)
            self._db.row_factory = sqlite3.Row
            self._db.execute("pragma journal_mode = wal")
            self._db.execute("pragma foreign_keys = on")
            self._db.executescript(_SCHEMA)
        except sqlite3.DatabaseError as error:
            hint = f"put back a copy, or `rm {self.path}` to begin without accounts"
            raise RunError(f"the accounts are damaged: {error}", at=str(self.path), hint=hint) from None

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """To look something up."""
        with self._lock:
            yield self._db

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """To change something, all of it or nothing."""
        with self._lock:
            self._db.execute("begin immediate")
            try:
                yield self._db
                self._db.execute("commit")
            except BaseException:
                if self._db.in_transaction:  # a full disk makes sqlite take it back by itself
                    self._db.execute("rollback")
                raise


def digest(secret: str) -> str:
    """What is kept of a random secret."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()
