"""MLflow's SQLite store: tables of runs, params, tags and one row a point (schema of MLflow 1.0 to 3.17)."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from whet.track.imports.databases import BROKEN, Database, is_database, opened
from whet.track.imports.foreign import Foreign, Numbers, Record, Said, step_of
from whet.track.imports.mlflow import about_of, config_of, end_of, labels_of

TRACKER = "mlflow"
_RUNS = ("run_uuid", "name", "status", "start_time", "end_time", "experiment_id", "lifecycle_stage")
_POINTS = ("key", "value", "timestamp", "step", "is_nan")


def runs(files: Iterable[Path], top: Path) -> Iterator[Foreign]:
    """The runs of each database that is MLflow's."""
    for path in files:
        if path.suffix in (".db", ".sqlite", ".sqlite3") and is_database(path):
            try:
                with opened(path) as db:
                    if not (db.has("runs", _RUNS) and db.has("metrics", (*_POINTS, "run_uuid"))):
                        continue
                    names = dict(db.rows("experiments", ("experiment_id", "name")))
                    for row in list(db.rows("runs", _RUNS, "order by start_time")):
                        yield _run(db, row, str(names.get(row[5]) or ""))
            except BROKEN as error:
                if b"run_uuid" in path.read_bytes()[: 1 << 20]:
                    note = f"its database is damaged: {error}"
                    yield Foreign(TRACKER, f"{path.name}/", path.stem, "", path.stat().st_mtime, {}, (), [note])


def _run(db: Database, row: Any, experiment: str) -> Foreign:
    run_id, name, status, start, end, _, stage = row
    own = "where run_uuid = ?", (run_id,)
    params, tags = ({str(k): str(v) for k, v in db.rows(table, ("key", "value"), *own)} for table in ("params", "tags"))
    found = list(db.rows("metrics", _POINTS, "where run_uuid = ? order by timestamp, step, key", (run_id,)))
    digest = hashlib.sha256(repr((row, params, tags, found)).encode(errors="replace")).hexdigest()[:32]
    started = (start or 0) / 1000
    about = about_of(experiment, tags, str(stage))
    notes: list[str] = []
    records = _records(found, params, tags, str(status), started, end, notes)
    shown = str(tags.get("mlflow.runName") or name or run_id)
    return Foreign(TRACKER, str(run_id), shown, digest, started, about, records, notes)


def _records(
    points: list[Any], params: dict[str, str], tags: dict[str, str], status: str, started: float, end: Any,
    notes: list[str],
) -> Iterator[Record]:  # fmt: skip
    if params:
        yield Said(started, 0, "config", {"values": config_of(params)})
    if labels := labels_of(tags):
        yield Said(started, 0, "labels", {"values": labels})
    for key, value, moment, step, is_nan in points:
        try:
            number = math.nan if is_nan else float(value)
            yield Numbers((moment or 0) / 1000, step_of(step or 0), {str(key): number})
        except BROKEN:
            notes.append(f"a point of `{key}` is none")
    yield from end_of(status, end)
