"""Trackio's projects: one SQLite database each, a JSON object a logged row (of 0.43)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from whet.track.imports.databases import BROKEN, Database, is_database, opened
from whet.track.imports.foreign import End, Foreign, Numbers, Record, Said, Thing, beside, sorted_values, step_of

TRACKER = "trackio"
_COLUMNS = ("timestamp", "run_name", "step", "metrics")


def runs(files: Iterable[Path], top: Path) -> Iterator[Foreign]:
    """The runs of each database that is a project's."""
    for path in files:
        if path.suffix == ".db" and is_database(path):
            try:
                with opened(path) as db:
                    found = list(_runs(db, path)) if db.has("metrics", _COLUMNS) else []
            except BROKEN as error:
                if b"run_name" in path.read_bytes()[: 1 << 16]:
                    yield _broken(path, error)
                continue
            yield from found


def _runs(db: Database, path: Path) -> Iterator[Foreign]:
    by = "run_id" if "run_id" in db.tables["metrics"] else "run_name"
    rows = list(dict.fromkeys(db.rows("metrics", (by, "run_name"), "order by rowid")))
    for id, name in rows:
        own = list(db.rows("metrics", ("timestamp", "step", "metrics"), f'where "{by}" = ? order by rowid', (id,)))
        config = list(_config(db, by, id))
        digest = hashlib.sha256(repr((own, config)).encode(errors="replace")).hexdigest()[:32]
        started = min((_time(row[0]) for row in own), default=0.0)
        notes: list[str] = []
        about = {"project": path.stem, **_about(config)}
        found = _records(own, config, started, path.parent / "media", notes)
        yield Foreign(TRACKER, f"{path.stem}/{id}", str(name), digest, started, about, found, notes)


def _records(
    rows: list[Any], config: list[Mapping[str, Any]], started: float, media: Path, notes: list[str]
) -> Iterator[Record]:
    for one in config:
        yield Said(started, 0, "config", {"values": {k: v for k, v in one.items() if not k.startswith("_")}})
    moment = started
    for stamp, step, data in rows:
        moment = _time(stamp)
        try:
            values = json.loads(data)
            step = step_of(step)
        except (ValueError, TypeError, OverflowError, RecursionError):
            notes.append("a row cannot be read")
            continue
        if isinstance(values, dict):
            yield from _row(moment, step, values, media)
    yield End(moment, "done", "trackio does not tell how a run ended")


def _row(moment: float, step: int, values: Mapping[str, Any], media: Path) -> Iterator[Record]:
    numbers, others = sorted_values(values)
    if numbers:
        yield Numbers(moment, step, numbers)
    rest = {}
    for name, value in others.items():
        kind = str(value.get("_type") or "") if isinstance(value, Mapping) else ""
        found = beside(media, value.get("file_path")) if kind.startswith("trackio.") else None
        if found is None:
            rest[name] = value
            continue
        caption = {"caption": value["caption"]} if value.get("caption") else {}
        yield Thing(moment, step, name, kind.removeprefix("trackio."), found, about=caption)
    if rest:
        yield Said(moment, step, "values", {"values": rest})


def _config(db: Database, by: str, id: Any) -> Iterator[Mapping[str, Any]]:
    if db.has("configs", (by, "config")):
        for (data,) in db.rows("configs", ("config",), f'where "{by}" = ?', (id,)):
            try:
                found = json.loads(data)
            except (ValueError, TypeError, RecursionError):
                continue
            if isinstance(found, dict):
                yield found


def _about(config: list[Mapping[str, Any]]) -> dict[str, Any]:
    group = next((one["_Group"] for one in config if one.get("_Group")), None)
    return {"group": str(group)} if group else {}


def _time(stamp: Any) -> float:
    """Unix seconds of a time in ISO 8601; without a zone it is in UTC. 0 of what is none."""
    try:
        found = datetime.fromisoformat(str(stamp))
    except ValueError:
        return 0.0
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _broken(path: Path, error: Exception) -> Foreign:
    """A project whose database cannot be read at all: its name, and why."""
    moment = path.stat().st_mtime
    return Foreign(
        TRACKER,
        f"{path.stem}/",
        path.stem,
        "",
        moment,
        {"project": path.stem},
        (),
        [f"its database is damaged: {error}"],
    )
