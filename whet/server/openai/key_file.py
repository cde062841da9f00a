"""Keys in a file, mode 600, that a server reads at each request: only digests, with limits, and tokens used today."""

from __future__ import annotations

import os
import secrets
import sqlite3
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from whet.base.errors import ConfigError
from whet.base.nearest import nearest
from whet.server.openai.callers import Allowance, Caller, digest

PREFIX = "whet-"
_SCHEMA = """
create table if not exists keys (name text primary key, digest text not null unique, uses text not null,
    requests_per_minute integer not null, tokens_per_minute integer not null, tokens_per_day integer not null,
    at_once integer not null, made real not null);
create table if not exists spent (name text not null, day integer not null, tokens integer not null,
    primary key (name, day));
"""
_LIMITS = ("requests_per_minute", "tokens_per_minute", "tokens_per_day", "at_once")
_DAY_S = 86_400


class KeyFile:
    """The keys of a file (contracts: `Callers`, `Spent`). Raises ConfigError for a file that holds none.

    Tokens are counted at once and written by a thread of its own: who counts them is the loop of all requests.
    """

    waits = True

    def __init__(self, path: Path, *, makes: bool = False) -> None:
        """With `makes` a file that is not there is begun."""
        if not makes and not path.is_file():
            raise ConfigError(f"there is no file of keys {path}", at="--keys", hint=f"whet keys add me --file {path}")
        self.path, self._lock = path, threading.Lock()
        self._unwritten: Counter[tuple[str, int]] = Counter()
        self._counting = threading.Lock()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="keys")
        self._callers: dict[str, tuple[tuple[Any, ...], Caller]] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._db = sqlite3.connect(path, timeout=10, check_same_thread=False, isolation_level=None)
            self._db.row_factory = sqlite3.Row
            self._db.execute("pragma journal_mode = wal")
            self._db.execute("pragma synchronous = normal")
            self._db.executescript(_SCHEMA)
        except (sqlite3.DatabaseError, OSError) as error:
            hint = f"put back a copy, or `rm {path}` to begin without keys"
            raise ConfigError(f"{path} holds no keys: {error}", at=str(path), hint=hint) from None

    def add(self, name: str, allowance: Allowance) -> str:
        """A new key, which nobody can read again. Raises ConfigError for a name that is taken, or no word."""
        if not name or not name.isprintable() or len(name) > 80:
            raise ConfigError("a key is called by a word of its own", at="name", hint="whet keys add alice")
        key = PREFIX + secrets.token_urlsafe(32)
        uses = ",".join(sorted(allowance.uses))
        row = (name, digest(key), uses, *(getattr(allowance, limit) for limit in _LIMITS), time.time())
        try:
            with self._lock:
                self._db.execute("insert into keys values (?, ?, ?, ?, ?, ?, ?, ?)", row)
        except sqlite3.IntegrityError:
            hint = f"whet keys remove {name} --file {self.path}"
            raise ConfigError(f"there is a key `{name}` already", at=str(self.path), hint=hint) from None
        return key

    def remove(self, name: str) -> None:
        """From now on a key opens nothing. Raises ConfigError where there is none of that name."""
        with self._lock:
            removed = self._db.execute("delete from keys where name = ?", (name,)).rowcount
        if not removed:
            near = nearest(name, [one["name"] for one in self.listed()])
            hint = f"did you mean `{near}`?" if near else f"whet keys list --file {self.path}"
            raise ConfigError(f"there is no key `{name}`", at=str(self.path), hint=hint)

    def listed(self) -> list[dict[str, Any]]:
        """All keys with their limits and the tokens that they have used today; never the keys."""
        query = f"select name, uses, {', '.join(_LIMITS)} from keys order by name"
        with self._lock:
            rows = self._db.execute(query).fetchall()
        return [{**dict(row), "tokens_today": self.today(row["name"])} for row in rows]

    def find(self, key: str) -> Caller | None:
        with self._lock:
            row = self._db.execute("select * from keys where digest = ?", (digest(key),)).fetchone()
            if row is None:
                return None
            told, caller = self._callers.get(row["name"], ((), None))
            if caller is None or told != tuple(row):
                limits = {limit: row[limit] for limit in _LIMITS}
                caller = Caller(row["name"], Allowance(uses=frozenset(row["uses"].split(",")), **limits), self)
                self._callers[row["name"]] = tuple(row), caller
            return caller

    def today(self, name: str) -> int:
        query = "select tokens from spent where name = ? and day = ?"
        with self._lock:
            row = self._db.execute(query, (name, _day())).fetchone()
            with self._counting:
                return (row["tokens"] if row else 0) + self._unwritten[name, _day()]

    def add_spent(self, name: str, tokens: int) -> None:
        with self._counting:
            self._unwritten[name, _day()] += tokens
        self._writer.submit(self._write)

    def _write(self) -> None:
        query = "insert into spent values (?, ?, ?) on conflict do update set tokens = tokens + excluded.tokens"
        with self._lock:
            with self._counting:
                counted, self._unwritten = self._unwritten, Counter()
            try:
                self._db.execute("delete from spent where day < ?", (_day() - 1,))
                for name, day in list(counted):
                    self._db.execute(query, (name, day, counted[name, day]))
                    del counted[name, day]
            except sqlite3.Error:  # a full disk, or somebody who holds the file: the next one writes it
                with self._counting:
                    self._unwritten.update(counted)

    def close(self) -> None:
        """Let go of the file."""
        self._writer.shutdown()
        self._db.close()


def _day() -> int:
    return int(time.time() // _DAY_S)
