"""The catalogue: one row a run of a root, in SQLite, so that listing reads no log that has not changed.

<root>/.catalogue.sqlite. Everything in it comes from the run folders: whoever removes it loses time. Where it cannot be
written, a catalogue in memory takes its place; one that is damaged is made anew. A row that this user has not sealed
(`whet.base.own_key`) is made anew, too, unless the file belongs to the other user whose runs they are.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from whet.base import own_key
from whet.base.errors import WhetError
from whet.base.regular import refuse_odd
from whet.track.logs import index
from whet.track.reading import listing_file
from whet.track.reading.read import History, Status, speaking
from whet.track.reading.store import LOGS, Summary, folders, summarize
from whet.track.script.described import Described, described
from whet.track.script.plain import to_json

if TYPE_CHECKING:
    import sqlite3

FILE = ".catalogue.sqlite"
_VERSION = 5
_TABLE = """create table if not exists runs (
    name text primary key, stamp text not null, is_settled integer not null, summary text not null, said text not null,
    seal blob not null
) without rowid"""
# A folder that changed so shortly ago may change again without a new time.
_FRESH_NS = 2_000_000_000

# What a row consists of: of a summary, and of what a run says of itself.
_NUMBER = (int, float, type(None))
_KINDS: dict[str, Any] = {
    "status": str, "reason": str, "attempts": int, "step": _NUMBER, "total": _NUMBER, "started": _NUMBER,
    "duration_s": (int, float), "project": str, "tags": list, "group": str, "notes": str, "pinned": bool,
    "archived": bool,
}  # fmt: skip
_NO_LISTING = (ValueError, TypeError, KeyError, AttributeError, RecursionError)
_PARTS: dict[str, Any] = {"about": dict, "config": dict, "summary": dict, "labels": dict, "spark": list}

# Points of a curve that is shown in a cell.
SPARK = 40

Row = tuple[str, str, int, str, str, bytes]


class Catalogue:
    """The runs under a root, followed as they change. To be closed."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self._db = _opened(self.root)
        self._unread: set[str] = set()  # rows that are none

    def close(self) -> None:
        """Let go of the database."""
        self._db.close()

    def runs(self) -> list[Summary]:
        """All runs, the latest started first, after a look at what has changed."""
        self.refresh()
        query = "select name, summary from runs"
        found = [self._summary(name, summary) for name, summary in self._db.execute(query)]
        self._mend()
        return sorted(found, key=lambda run: (run.started or 0.0, run.name), reverse=True)

    def said(self) -> dict[str, dict[str, Any]]:
        """By name what each run says of itself: `about`, `config`, `summary` (last values, and its own)."""
        found = {name: self._said(name, said) for name, said in self._db.execute("select name, said from runs")}
        self._mend()
        return found

    def rows(self) -> Iterator[tuple[str, str, bool, Summary, dict[str, Any]]]:
        """Of each run its name, the stamp of its folder, whether it can change no more, its summary, what it says."""
        query = "select name, stamp, is_settled, summary, said from runs"
        for name, at, is_settled, summary, said in self._db.execute(query):
            yield name, at, bool(is_settled), self._summary(name, summary), self._said(name, said)
        self._mend()

    def refresh(self) -> None:
        """Read the logs of runs that have changed since, and forget runs that are gone."""
        is_of_another = own_key.is_of_another(self.root / FILE, self.root)
        query = "select name, stamp, is_settled, summary, said, seal from runs"
        known = {
            name: (at, is_settled)
            for name, at, is_settled, *told, seal in self._db.execute(query)
            if is_of_another or own_key.is_sealed(_content(name, at, is_settled, *told), seal)
        }
        present = {folder.name: folder for folder in folders(self.root)}
        changed = [
            folder
            for name, folder in present.items()
            if name not in known or not known[name][1] or known[name][0] != stamp(folder)
        ]
        gone = [name for (name,) in self._db.execute("select name from runs") if name not in present]
        if changed or gone:
            self._write([_row(folder) for folder in changed], gone)

    def _summary(self, name: str, stored: str) -> Summary:
        """A stored summary; from the logs where it is none, as one that came with a folder from elsewhere may be."""
        try:
            return _summary(self.root / name, stored)
        except _NO_LISTING:
            return self._anew(name)[0]

    def _said(self, name: str, stored: str) -> dict[str, Any]:
        """What is stored of what a run says of itself; from the logs where that is no such thing."""
        try:
            return _said(stored)
        except _NO_LISTING:
            return self._anew(name)[1]

    def _anew(self, name: str) -> tuple[Summary, dict[str, Any]]:
        folder = self.root / name
        self._unread.add(name)
        return listing_of(folder, History(folder / LOGS, speaking))

    def _mend(self) -> None:
        """Put rows in place of those that were none, so that their logs are not read again."""
        if self._unread:
            self._write([_row(self.root / name) for name in sorted(self._unread)], [])
            self._unread.clear()

    def _write(self, rows: Sequence[Row], gone: Sequence[str]) -> None:
        with self._db:
            self._db.executemany("insert or replace into runs values (?, ?, ?, ?, ?, ?)", rows)
            self._db.executemany("delete from runs where name = ?", [(name,) for name in gone])


def runs(root: Path) -> list[Summary]:
    """All runs under a root, the latest started first. Reads only the logs of runs that have changed since."""
    if not Path(root).is_dir():
        return []
    with closing(Catalogue(root)) as catalogue:
        return catalogue.runs()


def said_by_name(root: Path) -> dict[str, dict[str, Any]]:
    """By name what each run under a root says of itself, as it is now."""
    if not Path(root).is_dir():
        return {}
    with closing(Catalogue(root)) as catalogue:
        catalogue.refresh()
        return catalogue.said()


def reindex(root: Path) -> int:
    """Make the catalogue, listings and indexes anew from the logs. Returns the number of runs. Raises OSError."""
    for path in _files(root):
        path.unlink(missing_ok=True)
    for folder in folders(root):
        for path in (folder / LOGS).glob(f"*{index.SUFFIX}"):
            path.unlink(missing_ok=True)
    return len(runs(root))


def _opened(root: Path) -> sqlite3.Connection:
    """The database of a root: as it is, made anew if it is damaged, or in memory."""
    import sqlite3

    refuse_odd(root)
    for _ in range(2):
        try:
            return _connected(str(root / FILE))
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):  # nothing can be written there, or no locks
                break
            for path in _files(root):
                with suppress(OSError):
                    path.unlink(missing_ok=True)
    return _connected(":memory:")


def _connected(path: str) -> sqlite3.Connection:
    import sqlite3

    db = sqlite3.connect(path, timeout=5.0)
    try:
        db.execute("pragma journal_mode=wal")
        db.execute("pragma synchronous=normal")  # it can be made anew
        if db.execute("pragma user_version").fetchone()[0] != _VERSION:
            with db:
                db.execute("drop table if exists runs")
                db.execute(f"pragma user_version={_VERSION}")
        with db:
            db.execute(_TABLE)
            db.execute("delete from runs where name is null")  # whether it can be written
    except sqlite3.Error:
        db.close()
        raise
    return db


def _files(root: Path) -> Iterator[Path]:
    yield from (Path(root) / f"{FILE}{ending}" for ending in ("", "-wal", "-shm"))


def stamp(folder: Path) -> str:
    """What changes when a log is added to a run: the time of its folder of logs."""
    try:
        return str(os.stat(f"{folder}/{LOGS}").st_mtime_ns)
    except OSError:
        return ""


def said_of(folder: Path, logs: History, told: Described | None = None) -> dict[str, Any]:
    """What a run says of itself: `about`, `config`, `labels`, and `summary`: last values of its curves, and its own."""
    told = told or described(logs)
    last = {name: float(values[-1]) for name in logs.names(logs.speaker) if len(values := logs.recent(name))}
    config = {**told.config, **_config(folder)}  # a training tells `optimizer: adamw`, its config also with which rate
    summary = {**last, **told.own_summary}
    return {"about": dict(told.about), "config": config, "summary": summary, "labels": dict(told.labels)}


def listing_of(folder: Path, logs: History) -> tuple[Summary, dict[str, Any]]:
    """What a listing shows of a run: its summary, and what it says of itself with its loss in a few means (`spark`)."""
    told = described(logs)
    return summarize(folder, logs, told), {**said_of(folder, logs, told), "spark": _spark(logs)}


def settled(logs: History, stamp: str) -> bool:
    """Whether nothing of a run can change without a new stamp of its folder."""
    return logs.is_settled and not _is_fresh(stamp)


def _is_fresh(stamp: str) -> bool:
    """Whether a folder changed so shortly ago that it may change again without a new stamp."""
    return not stamp or time.time_ns() - int(stamp) <= _FRESH_NS


def _spark(logs: History) -> list[float]:
    """At most SPARK means of the loss, or of the first curve that is one by its name."""
    names = logs.names(logs.speaker)
    name = "loss" if "loss" in names else next((one for one in names if "loss" in one), None)
    return [] if name is None else [float(f"{mean:.5g}") for mean in logs.curve(name, SPARK).mean[0].tolist()]


def listed(folder: Path) -> tuple[str, str, bool]:
    """A run's summary and what it says of itself, as JSON, and whether its logs can grow no more.

    From what was left beside its logs, if that is of them as they are, else from the logs; then it is left there.
    """
    of = listing_file.of(folder, _VERSION)
    if (kept := listing_file.read(folder, of)) is not None and _is_listing(folder, *kept):
        return *kept, True
    logs = History(folder / LOGS, speaking)
    found, told = listing_of(folder, logs)
    summary, said = to_json(found.to_dict()).decode(), to_json(told).decode()
    if logs.is_settled:
        listing_file.write(folder, of, summary, said)
    return summary, said, logs.is_settled


def _row(folder: Path) -> Row:
    """A run's row."""
    summary, said, is_settled = listed(folder)
    after = stamp(folder)  # reading may have put an index there
    row = folder.name, after, int(is_settled and not _is_fresh(after)), summary, said
    return *row, own_key.seal(_content(*row))


def _content(*row: Any) -> bytes:
    return json.dumps(row).encode()


def _config(folder: Path) -> dict[str, Any]:
    """The resolved config of a training; empty of a script, or where it is damaged."""
    if not os.path.isfile(f"{folder}/config.yaml"):
        return {}
    from whet.base.yaml import parse

    path = folder / "config.yaml"
    with suppress(OSError, WhetError, ValueError):
        found = parse(path.read_text(encoding="utf-8"), str(path))[0]
        return found if isinstance(found, dict) else {}
    return {}


def _is_listing(folder: Path, summary: str, said: str) -> bool:
    """Whether both can be read. Others' seals are believed, but what they have sealed need not be a listing."""
    try:
        _summary(folder, summary), _said(said)
    except _NO_LISTING:
        return False
    return True


def _summary(folder: Path, stored: str) -> Summary:
    """A row's summary. Raises one of _NO_LISTING for what is none."""
    values = {**json.loads(stored), "folder": folder}
    is_whole = all(isinstance(values[name], kind) for name, kind in _KINDS.items())
    if not is_whole or values["name"] != folder.name or values["status"] not in get_args(Status):
        raise ValueError(f"the listing of {folder} is none")
    for name in ("loss", "tokens_per_s"):  # NaN and infinities are texts in JSON
        values[name] = None if values[name] is None else float(values[name])
    return Summary(**{**values, "tags": tuple(map(str, values["tags"]))})


def _said(stored: str) -> dict[str, Any]:
    """What a row says of its run. Raises one of _NO_LISTING for what is none."""
    found = json.loads(stored)
    if not all(isinstance(found[name], kind) for name, kind in _PARTS.items()):
        raise ValueError("what a run says of itself is none")
    return found
