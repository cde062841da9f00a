"""Databases of SQLite that others have written: opened to be read alone, and of them tables, never views."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

# What reading a damaged database, or one of other types than it should have, may raise.
BROKEN = (sqlite3.Error, ValueError, TypeError, OverflowError)
_MAGIC = b"SQLite format 3\0"


def is_database(path: Path) -> bool:
    """Whether a file begins as one."""
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


class Database:
    """Tables of a database, with their columns."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        names = [name for (name,) in db.execute("select name from sqlite_master where type = 'table'")]
        self.tables = {name: [row[1] for row in db.execute(f'pragma table_info("{_quoted(name)}")')] for name in names}

    def has(self, table: str, columns: Sequence[str]) -> bool:
        """Whether there is a table with these columns."""
        return set(columns) <= set(self.tables.get(table, ()))

    def rows(self, table: str, columns: Sequence[str], where: str = "", values: Sequence[Any] = ()) -> Iterator[Any]:
        """Rows of a table; `where` is a clause of ours with `?` for values."""
        listed = ", ".join(f'"{_quoted(column)}"' for column in columns)
        yield from self._db.execute(f'select {listed} from "{_quoted(table)}" {where}', values)


@contextmanager
def opened(path: Path) -> Iterator[Database]:
    """A database to read. Raises sqlite3.Error for one that is damaged."""
    uri = f"file:{quote(str(path.resolve()))}"
    try:
        db = _connected(f"{uri}?mode=ro")
    except sqlite3.OperationalError:  # a folder that cannot be written has no place for its lock
        db = _connected(f"{uri}?mode=ro&immutable=1")
    try:
        yield Database(db)
    finally:
        db.close()


def _connected(uri: str) -> sqlite3.Connection:
    db = sqlite3.connect(uri, uri=True, timeout=10)
    try:
        db.text_factory = lambda data: data.decode("utf-8", errors="replace")
        db.execute("pragma trusted_schema = off")
        db.execute("pragma query_only = on")
        db.execute("select count(*) from sqlite_master").fetchone()
    except sqlite3.Error:
        db.close()
        raise
    return db


def _quoted(name: str) -> str:
    return name.replace('"', '""')
