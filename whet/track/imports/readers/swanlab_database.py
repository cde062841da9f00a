"""SwanLab's local runs before 0.6: a database `runs.swanlab` that names them, and beside it a folder of logs each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from whet.track.imports.databases import BROKEN, Database, is_database, opened
from whet.track.imports.foreign import End, Foreign, Record, Said
from whet.track.imports.prints import print_of
from whet.track.imports.readers.swanlab import TRACKER, config_of
from whet.track.imports.swanlab_lines import lines_of, moment_of, number_of_line, things_of_line, within

_NAME, _BACKUP = "runs.swanlab", "backup.swanlab"
_EXPERIMENT = ("id", "project_id", "run_id", "name", "description", "status", "create_time", "finish_time")
_TAG = ("experiment_id", "name", "type")
_OUTCOMES = {1: "done", -1: "failed"}
_LINES = ("default", "line")


@dataclass(frozen=True, slots=True)
class _Curve:
    """What was logged under one name: what it is, and its folder in `logs/` and `media/`."""

    name: str
    kind: str
    folder: str


def runs(files: Iterable[Path], top: Path) -> Iterator[Foreign]:
    """The runs of each database, but for those that have left a backup, which says more."""
    for path in files:
        if path.name == _NAME and is_database(path):
            try:
                with opened(path) as db:
                    yield from _runs(db, path.parent)
            except BROKEN as error:
                moment, notes = path.stat().st_mtime, [f"its database is damaged: {error}"]
                yield Foreign(TRACKER, f"{path.parent.name}/", path.parent.name, "", moment, {}, (), notes)


def _runs(db: Database, top: Path) -> Iterator[Foreign]:
    if not db.has("experiment", _EXPERIMENT) or not db.has("tag", _TAG):
        return
    projects = dict(db.rows("project", ("id", "name"))) if db.has("project", ("id", "name")) else {}
    for row in list(db.rows("experiment", _EXPERIMENT, "order by id")):
        one = dict(zip(_EXPERIMENT, row, strict=True))
        folder = top / str(one["run_id"])
        if folder.parent == top and not (folder / _BACKUP).is_file():
            yield _run(one, str(projects.get(one["project_id"], "")), list(_curves(db, one["id"])), folder)


def _curves(db: Database, experiment: Any) -> Iterator[_Curve]:
    has_folder = "folder" in db.tables["tag"]
    columns = ("name", "type", "folder" if has_folder else "name")
    for name, kind, folder in list(db.rows("tag", columns, "where experiment_id = ? order by rowid", (experiment,))):
        yield _Curve(str(name), str(kind), str(folder) if has_folder and folder else quote(str(name), safe=""))


def _run(one: Mapping[str, Any], project: str, curves: list[_Curve], folder: Path) -> Foreign:
    notes: list[str] = []
    about = {"project": project, "notes": one["description"]}
    about = {key: str(value) for key, value in about.items() if value}
    started = moment_of(one)
    logs = [path for path in folder.glob("logs/*/*.log") if path.is_file()]
    content = f"{one['status']}{print_of(logs)}"
    found = _records(one, curves, folder, started, notes)
    return Foreign(TRACKER, f"{project}/{folder.name}", str(one["name"]), content, started, about, found, notes)


def _records(
    one: Mapping[str, Any], curves: list[_Curve], folder: Path, started: float, notes: list[str]
) -> Iterator[Record]:
    config = config_of(folder / "files" / "config.yaml", notes)
    if config:
        yield Said(started, 0, "config", {"values": config})
    for curve in curves:
        for line in lines_of(within(folder / "logs", curve.folder), notes):
            if curve.kind in _LINES:
                yield from number_of_line(curve.name, line, notes)
            else:
                media = within(folder / "media", curve.folder)
                yield from things_of_line(curve.name, line, curve.kind, media, notes)
    if one["status"] in _OUTCOMES:
        yield End(moment_of({"create_time": one["finish_time"]}) or started, _OUTCOMES[one["status"]])
