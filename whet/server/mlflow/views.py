"""A run as MLflow sees it, read from our logs: info, params, tags, newest metrics, inputs."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from whet.server.mlflow.forms import pairs
from whet.track.reading.catalogue import said_of
from whet.track.reading.read import History, Points
from whet.track.reading.rows import flat
from whet.track.reading.store import LOGS

# How a run of ours stands, in MLflow's words; one made through this door has said its own.
STATUS = {
    "new": "SCHEDULED", "running": "RUNNING", "done": "FINISHED", "stopped": "KILLED", "failed": "FAILED",
    "killed": "KILLED",
}  # fmt: skip
MARK = "mlflow"
_KEPT = 5000


class Metric(NamedTuple):
    """One point: `timestamp` in milliseconds."""

    key: str
    value: float
    timestamp: int
    step: int

    def entry(self) -> dict[str, Any]:
        return self._asdict()


@dataclass(frozen=True, slots=True)
class View:
    """A run. `is_ours` tells one made through this door from those that other processes write."""

    run_id: str
    is_ours: bool
    experiment: str
    name: str
    status: str
    user: str
    start_ms: int
    end_ms: int | None
    is_deleted: bool
    params: Mapping[str, Any]
    tags: Mapping[str, str]
    metrics: Mapping[str, Metric]
    inputs: tuple[Mapping[str, Any], ...]
    model_inputs: tuple[Mapping[str, Any], ...] = ()
    model_outputs: tuple[Mapping[str, Any], ...] = ()

    @property
    def artifact_uri(self) -> str:
        return f"mlflow-artifacts:/{self.run_id}/artifacts"

    def info(self, is_deleted: bool = False) -> dict[str, Any]:
        """As `RunInfo`."""
        found: dict[str, Any] = {
            "run_id": self.run_id, "run_uuid": self.run_id, "run_name": self.name, "experiment_id": self.experiment,
            "user_id": self.user, "status": self.status, "start_time": self.start_ms,
            "artifact_uri": self.artifact_uri,
            "lifecycle_stage": "deleted" if is_deleted or self.is_deleted else "active",
        }  # fmt: skip
        return found if self.end_ms is None else {**found, "end_time": self.end_ms}

    def entry(self, is_deleted: bool = False) -> dict[str, Any]:
        """As `Run`."""
        data = {
            "metrics": [metric.entry() for metric in self.metrics.values()],
            "params": pairs(self.params), "tags": pairs(self.tags),
        }  # fmt: skip
        inputs = {"dataset_inputs": list(self.inputs), "model_inputs": list(self.model_inputs)}
        outputs = {"model_outputs": list(self.model_outputs)}
        return {"info": self.info(is_deleted), "data": data, "inputs": inputs, "outputs": outputs}


class Views:
    """Runs as they were last read; one whose logs have grown, or that is still written, is read again."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Path, tuple[Any, View]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, folder: Path, experiment_of: Any) -> View:
        """The run in a folder; `experiment_of` gives the experiment's id of what a run says about itself."""
        stamp = _stamp(folder)
        with self._lock:
            kept = self._kept.get(folder)
        if kept is not None and kept[0] == stamp:
            return kept[1]
        logs = History(folder / LOGS)
        view = view_of(folder, logs, experiment_of)
        if view.is_ours or logs.is_settled:
            with self._lock:
                self._kept[folder] = stamp, view
                while len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
        return view


def view_of(folder: Path, logs: History, experiment_of: Any) -> View:
    """A run from its logs."""
    said = said_of(folder, logs)
    about, own = said["about"], said["about"].get(MARK)
    name, labels = str(about.get("name") or folder.name), said["labels"]
    tags = {str(tag): "true" for tag in about.get("tags") or ()} | labels
    if about.get("notes"):
        tags.setdefault("mlflow.note.content", str(about["notes"]))
    first, last = (logs.spans[0][0], logs.spans[-1][1]) if logs.spans else (folder.stat().st_mtime, 0.0)
    known = own if isinstance(own, Mapping) else {}
    status = str(known.get("status") or STATUS[logs.status])
    is_over = status not in ("RUNNING", "SCHEDULED")
    return View(
        folder.name, isinstance(own, Mapping), experiment_of(about), name, status, str(known.get("user") or ""),
        int(known.get("start") or first * 1000), int(known.get("end") or last * 1000) if is_over else None,
        bool(known.get("deleted")), dict(flat(said["config"])), {**tags, "mlflow.runName": name},
        {name: found for name in logs.names() if (found := newest(name, logs))},
        tuple(one for event in logs.events("inputs") for one in event.payload.get("datasets") or ()),
        _models(logs, "inputs"), _models(logs, "outputs"),
    )  # fmt: skip


def _models(logs: History, kind: str) -> tuple[Mapping[str, Any], ...]:
    """The logged models that a run was given, or has made."""
    return tuple(one for event in logs.events(kind) for one in event.payload.get("models") or ())


def newest(name: str, logs: History) -> Metric | None:
    """The point with the highest step, of these the latest, of these the largest: MLflow's `latest_metrics`.

    None of a curve that the run's speaker does not have.
    """
    found = max(
        (
            (part.steps[place], part.times[place], part.values[place])
            for part in logs.points(name)
            for place in (_last_place(part),)
        ),
        default=None,
    )
    if found is None:
        return None
    return Metric(name, float(found[2]), round(float(found[1]) * 1000), int(found[0]))


def _last_place(part: Points) -> int:
    import numpy as np

    return int(np.lexsort((np.nan_to_num(part.values, nan=-np.inf), part.times, part.steps))[-1])


def history_of(key: str, logs: History) -> list[Metric]:
    """Every point of a metric in the order of time and step."""
    found = [
        Metric(key, value, round(moment * 1000), step)
        for part in logs.points(key)
        for step, value, moment in zip(part.steps.tolist(), part.values.tolist(), part.times.tolist(), strict=True)
    ]
    return sorted(found, key=lambda metric: (metric.timestamp, metric.step))


def _stamp(folder: Path) -> tuple[Any, ...]:
    """What changes when a log grows, is added, or takes another's place."""
    try:
        entries = list(os.scandir(folder / LOGS))
        return tuple(sorted((e.name, e.stat().st_size, e.inode()) for e in entries if e.name.endswith(".tlog")))
    except OSError:  # no logs yet
        return ()
