"""Logged models of MLflow 3: what each is, in a journal, and its files, in a folder of the server's.

<root>/.mlflow/models/  journal.jsonl  <model id>/ files
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from whet.server.errors import missing
from whet.track.registry.journal import Change, Journal

FOLDER = ".mlflow/models"
# First part of the paths under which the files of logged models are had; no run can be called so.
LOGGED = ".models"
PENDING = "LOGGED_MODEL_PENDING"
STATUSES = {1: PENDING, 2: "LOGGED_MODEL_READY", 3: "LOGGED_MODEL_UPLOAD_FAILED"}


@dataclass(frozen=True, slots=True)
class Measure:
    """A point of a logged model; `timestamp` in milliseconds, `run` the one that measured it."""

    key: str
    value: float
    timestamp: int
    step: int
    dataset_name: str = ""
    dataset_digest: str = ""
    run: str = ""

    def entry(self, model_id: str) -> dict[str, Any]:
        """As `Metric`."""
        found = {"key": self.key, "value": self.value, "timestamp": self.timestamp, "step": self.step}
        about = {"dataset_name": self.dataset_name, "dataset_digest": self.dataset_digest, "run_id": self.run}
        return {**found, **{name: one for name, one in about.items() if one}, "model_id": model_id}


@dataclass(frozen=True, slots=True)
class LoggedModel:
    """One logged model. Times are Unix seconds; `registrations` are names and numbers of versions made of it."""

    id: str
    experiment: str
    name: str
    type: str
    run: str
    created: float
    updated: float
    status: str = PENDING
    is_deleted: bool = False
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    measures: tuple[Measure, ...] = ()
    registrations: tuple[tuple[str, int], ...] = ()

    @property
    def uri(self) -> str:
        return f"mlflow-artifacts:/{LOGGED}/{self.id}/artifacts"

    def newest(self, dataset: tuple[str, str] = ("", "")) -> list[Measure]:
        """The latest point of each metric and data set, or of those on one data set (by name, and digest if given)."""
        found: dict[tuple[str, str, str], Measure] = {}
        for one in self.measures:
            if dataset[0] in ("", one.dataset_name) and dataset[1] in ("", one.dataset_digest):
                key = (one.key, one.dataset_name, one.dataset_digest)
                before = found.get(key)
                if before is None or (one.step, one.timestamp) >= (before.step, before.timestamp):
                    found[key] = one
        return list(found.values())

    def entry(self) -> dict[str, Any]:
        """As `LoggedModel`."""
        info = {
            "model_id": self.id, "experiment_id": self.experiment, "name": self.name, "artifact_uri": self.uri,
            "creation_timestamp_ms": int(self.created * 1000), "last_updated_timestamp_ms": int(self.updated * 1000),
            "status": self.status, "model_type": self.type, "source_run_id": self.run,
            "tags": [{"key": key, "value": value} for key, value in self.tags.items()],
            "registrations": [{"name": name, "version": str(number)} for name, number in self.registrations],
        }  # fmt: skip
        params = [{"key": key, "value": value} for key, value in self.params.items()]
        return {"info": info, "data": {"params": params, "metrics": [one.entry(self.id) for one in self.newest()]}}


class LoggedModels:
    """The logged models under a root."""

    def __init__(self, root: Path) -> None:
        self.folder = root / FOLDER
        self._journal = Journal(self.folder)
        self._models: dict[str, LoggedModel] = {}
        self._read, self._lock = 0, threading.Lock()

    def all(self) -> list[LoggedModel]:
        """All of them, also deleted ones, the latest first."""
        with self._lock:
            changes, self._read, _ = self._journal.read(self._read)
            for change in changes:
                with suppress(KeyError, TypeError, ValueError):
                    _follow(self._models, change)
            return sorted(self._models.values(), key=lambda one: -one.created)

    def get(self, id: str, *, with_deleted: bool = False) -> LoggedModel:
        """One by its id. Raises Refusal where there is none."""
        self.all()
        found = self._models.get(id)
        if found is None or (found.is_deleted and not with_deleted):
            raise missing(f"Logged model with ID '{id[:80]}' not found.")
        return found

    def place(self, id: str) -> Path:
        """Where the files of a logged model lie. Raises Refusal where there is none."""
        return self.folder / self.get(id).id

    def tell(self, op: str, id: str, **values: Any) -> None:
        """Add a change to the journal: it is on the disk when this returns."""
        with self._journal.writing():
            self._journal.append([{"op": op, "id": id, "time": time.time(), **values}])

    def registered(self, id: str, name: str, number: int) -> None:
        """That a version was made of it."""
        self.tell("registered", id, name=name, number=number)


def _follow(models: dict[str, LoggedModel], change: Change) -> None:
    id, moment = str(change["id"]), float(change["time"])
    if change["op"] == "create":
        experiment, name, type, run = (str(change.get(key) or "") for key in ("experiment", "name", "type", "run"))
        params, tags = dict(change["params"]), dict(change["tags"])
        models[id] = LoggedModel(id, experiment, name, type, run, moment, moment, params=params, tags=tags)
        return
    models[id] = replace(_CHANGES[change["op"]](models[id], change), updated=moment)


def _tagged(model: LoggedModel, change: Change) -> LoggedModel:
    tags = {**model.tags, **change["tags"]}
    return replace(model, tags={key: str(value) for key, value in tags.items() if value is not None})


_CHANGES: Mapping[str, Callable[[LoggedModel, Change], LoggedModel]] = {
    "status": lambda model, change: replace(model, status=str(change["status"])),
    "delete": lambda model, change: replace(model, is_deleted=True),
    "tags": _tagged,
    "params": lambda model, change: replace(model, params={**model.params, **change["params"]}),
    "measured": lambda model, change: replace(
        model, measures=(*model.measures, *(Measure(**one) for one in change["measures"]))
    ),
    "registered": lambda model, change: replace(
        model, registrations=(*model.registrations, (str(change["name"]), int(change["number"])))
    ),
}
