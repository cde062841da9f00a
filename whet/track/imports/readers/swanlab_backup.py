"""SwanLab's local and offline runs of 0.6 and 0.7: `backup.swanlab`, LevelDB's framing around records as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from whet.track.imports.foreign import End, Foreign, Record, Said
from whet.track.imports.leveldb import records
from whet.track.imports.prints import print_of
from whet.track.imports.readers.swanlab import TRACKER, config_of
from whet.track.imports.swanlab_lines import moment_of, number_of_line, things_of_line, within

_HEAD = b":SWL", b"\x01"
_KINDS = {"IMAGE": "image", "AUDIO": "audio", "TEXT": "text", "VIDEO": "video", "OBJECT3D": "object3d",
          "MOLECULE": "molecule", "ECHARTS": "echarts"}  # fmt: skip
Model = tuple[str, Mapping[str, Any]]


def runs(files: Iterable[Path], top: Path) -> Iterator[Foreign]:
    """The run of each `.swanlab` file of this form."""
    for path in files:
        if path.suffix == ".swanlab":
            data = path.read_bytes()
            if (data[:4], data[6:7]) == _HEAD:
                yield _run(path, data)


def _run(path: Path, data: bytes) -> Foreign:
    notes: list[str] = []
    found = list(_models(records(data, notes), notes))
    first = dict(reversed(found))
    project, experiment = first.get("Project", {}), first.get("Experiment", {})
    run_id, name = str(experiment.get("id") or path.parent.name), str(experiment.get("name") or path.parent.name)
    about = {"project": project.get("name"), "entity": project.get("workspace"), "notes": experiment.get("description")}
    about = {key: str(value) for key, value in about.items() if value}
    tags = experiment.get("tags")
    if isinstance(tags, list) and tags:
        about["tags"] = [str(tag) for tag in tags]
    started = moment_of(first.get("Header", {})) or path.stat().st_mtime
    key = f"{about.get('project', '')}/{run_id}"
    return Foreign(
        TRACKER, key, name, print_of([path]), started, about, _records(found, path.parent, started, notes), notes
    )


def _models(records: Iterable[bytes], notes: list[str]) -> Iterator[Model]:
    """Name and content of each record."""
    for record in records:
        try:
            one = json.loads(record)
            kind, data = one["model_type"], one["data"]
        except (ValueError, LookupError, TypeError, RecursionError):
            kind = data = None
        if isinstance(kind, str) and isinstance(data, dict):
            yield kind, data
        else:
            notes.append("a record cannot be read")


def _records(found: list[Model], folder: Path, started: float, notes: list[str]) -> Iterator[Record]:
    config = config_of(folder / "files" / "config.yaml", notes)
    if config:
        yield Said(started, 0, "config", {"values": config})
    kinds, reason = {}, ""
    for model, one in found:
        name = str(one.get("key", ""))
        if model == "Column":
            kinds[name] = _KINDS.get(str(one.get("column_type")), "file")
        elif model == "Scalar":
            yield from number_of_line(name, one.get("metric"), notes)
        elif model == "Media":
            media = within(folder / "media", str(one.get("kid")))
            yield from things_of_line(name, one.get("metric"), kinds.get(name, "file"), media, notes)
        elif model == "Log" and one.get("level") == "ERROR":
            reason = str(one.get("message"))[:300]
        elif model == "Footer":
            yield End(moment_of(one) or started, *(("done", "") if one.get("success") else ("failed", reason)))
