"""MLflow's file store, `mlruns`: a folder a run, with one file a metric (`time value step` a line), param and tag."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from whet.track.imports.foreign import Foreign, Numbers, Record, Said, number_of, step_of
from whet.track.imports.mlflow import STATUSES, about_of, config_of, end_of, labels_of
from whet.track.imports.prints import print_of
from whet.track.imports.yaml_files import mapping_of

TRACKER = "mlflow"
_META = "meta.yaml"


def runs(files: Iterable[Path], top: Path) -> Iterator[Foreign]:
    """The run of each `meta.yaml` that names one."""
    for path in files:
        if path.name == _META:
            stated = _meta(path)
            run_id = stated.get("run_id") or stated.get("run_uuid")
            if run_id and "experiment_id" in stated:
                yield _run(path.parent, str(run_id), stated)


def _run(folder: Path, run_id: str, stated: Mapping[str, Any]) -> Foreign:
    notes: list[str] = []
    params, tags = _texts(folder / "params", notes), _texts(folder / "tags", notes)
    metrics = _own_files(folder / "metrics")
    experiment = str(_meta(folder.parent / _META).get("name") or "")
    about = about_of(experiment, tags, str(stated.get("lifecycle_stage")))
    started = _number(stated.get("start_time")) / 1000
    kept = [folder / _META, *metrics, *_own_files(folder / "params"), *_own_files(folder / "tags")]
    name = tags.get("mlflow.runName") or stated.get("run_name") or run_id
    records = _records(folder, metrics, params, tags, stated, started, notes)
    return Foreign(TRACKER, run_id, str(name), print_of(kept), started, about, records, notes)


def _records(
    folder: Path, metrics: list[Path], params: dict[str, str], tags: dict[str, str], stated: Mapping[str, Any],
    started: float, notes: list[str],
) -> Iterator[Record]:  # fmt: skip
    if params:
        yield Said(started, 0, "config", {"values": config_of(params)})
    if labels := labels_of(tags):
        yield Said(started, 0, "labels", {"values": labels})
    found = [
        point for path in metrics for point in _points(path, path.relative_to(folder / "metrics").as_posix(), notes)
    ]
    yield from sorted(found, key=lambda point: (point.time, point.step))
    status = stated.get("status")
    yield from end_of(
        STATUSES.get(status, "") if isinstance(status, int) else str(status), _number(stated.get("end_time"))
    )


def _points(path: Path, name: str, notes: list[str]) -> Iterator[Numbers]:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines, 1):
        words = line.split()
        try:
            step = step_of(words[2]) if len(words) > 2 else 0
            yield Numbers(int(words[0]) / 1000, step, {name: float(words[1])})
        except (ValueError, IndexError, OverflowError):
            if words:
                notes.append(f"metrics/{name}:{number} is no point")


def _texts(folder: Path, notes: list[str]) -> dict[str, str]:
    """Names and contents of the files below a folder."""
    found = {}
    for path in _own_files(folder):
        try:
            found[path.relative_to(folder).as_posix()] = path.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            notes.append(f"{path.name} cannot be read: {error.strerror}")
    return found


def _own_files(folder: Path) -> list[Path]:
    """The files below a folder that lie there: a link would make anybody's file a param, and store it with the run."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _meta(path: Path) -> dict[str, Any]:
    try:
        return mapping_of(path)
    except (OSError, ValueError):
        return {}


def _number(value: Any) -> float:
    return (number_of(value) or 0.0) if isinstance(value, int | float) else 0.0
