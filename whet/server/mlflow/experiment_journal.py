"""Experiments: names over runs. What is done to them is a journal; those that other runs name as project need none.

<root>/.mlflow/experiments.jsonl has one change a line, each one `write` under a lock. A torn last line is cut off
before the next is added.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from whet.server.errors import Refusal, invalid, missing
from whet.server.mlflow.views import MARK
from whet.track.script.plain import to_json

FILE = ".mlflow/experiments.jsonl"
DEFAULT = "Default"


@dataclass(slots=True)
class Experiment:
    """One experiment; times are Unix milliseconds."""

    experiment_id: str
    name: str
    created_ms: int = 0
    updated_ms: int = 0
    is_deleted: bool = False
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def project(self) -> str:
        """The project that its runs name."""
        return "" if self.experiment_id == "0" else self.name

    def entry(self) -> dict[str, Any]:
        """As `Experiment`."""
        return {
            "experiment_id": self.experiment_id, "name": self.name,
            "artifact_location": f"mlflow-artifacts:/{self.experiment_id}",
            "lifecycle_stage": "deleted" if self.is_deleted else "active",
            "creation_time": self.created_ms, "last_update_time": self.updated_ms,
            "tags": [{"key": key, "value": value} for key, value in self.tags.items()],
        }  # fmt: skip


def id_of(name: str, salt: int = 0) -> str:
    """The id of an experiment by the name it began with: 18 digits, as MLflow's file store has them; 0 is `Default`."""
    if name in ("", DEFAULT) and not salt:
        return "0"
    digest = hashlib.sha256(f"{name}\0{salt}".encode(errors="replace")).digest()
    return str(10**17 + int.from_bytes(digest[:8]) % (9 * 10**17))


def experiment_id_of(about: Mapping[str, Any]) -> str:
    """The experiment of a run by what it says of itself: the one it was made in, else its project."""
    own = about.get(MARK)
    if isinstance(own, Mapping) and own.get("experiment"):
        return str(own["experiment"])
    return id_of(str(about.get("project") or ""))


class Experiments:
    """The experiments of a folder of runs, as the journal and `projects` (names that runs have) tell them."""

    def __init__(self, root: Path) -> None:
        self._path = root / FILE

    def all(self, projects: Iterable[str]) -> dict[str, Experiment]:
        """By id, deleted ones too."""
        found = {"0": Experiment("0", DEFAULT)}
        for project in projects:
            found.setdefault(id_of(project), Experiment(id_of(project), project or DEFAULT))
        for change in self._changes():
            _apply(found, change)
        return found

    def create(self, name: str, tags: Mapping[str, str], projects: Iterable[str]) -> str:
        """A new experiment's id. Raises Refusal for a name that is taken."""
        with self._locked() as file:
            found = self.all(projects)
            for one in found.values():
                if one.name == name:
                    said = " in deleted state" if one.is_deleted else ""
                    raise Refusal("RESOURCE_ALREADY_EXISTS", f"Experiment(name={name}) already exists{said}.")
            number = next(n for n in range(len(found) + 2) if id_of(name, n) not in found)
            self._add(file, {"id": id_of(name, number), "name": name, "tags": dict(tags)})
            return id_of(name, number)

    def change(self, id: str, projects: Iterable[str], **changes: Any) -> None:
        """Change an experiment: `name`, `deleted`, `tags` (None takes one away). Raises Refusal."""
        with self._locked() as file:
            found = self.all(projects)
            if id not in found:
                raise missing(f"No Experiment with id={id} exists")
            if any(one.name == changes.get("name") and one.experiment_id != id for one in found.values()):
                raise Refusal("RESOURCE_ALREADY_EXISTS", f"Experiment(name={changes['name']}) already exists.")
            self._add(file, {"id": id, **changes} if id != "0" or "deleted" not in changes else _refuse_default())

    def _locked(self) -> Any:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = open(self._path, "a+b", buffering=0)  # noqa: SIM115 (whoever asks for the lock closes it)
        fcntl.flock(file, fcntl.LOCK_EX)  # until it is closed
        return file

    def _add(self, file: Any, change: Mapping[str, Any]) -> None:
        file.seek(0)
        data = file.read()
        file.truncate(data.rfind(b"\n") + 1)
        os.write(file.fileno(), to_json({**change, "time": int(time.time() * 1000)}) + b"\n")

    def _changes(self) -> Iterable[dict[str, Any]]:
        try:
            lines = self._path.read_bytes().splitlines()
        except OSError:
            return
        for line in lines:
            try:
                change = json.loads(line)
            except ValueError:
                continue
            if isinstance(change, dict) and "id" in change:
                yield change


def _apply(found: dict[str, Experiment], change: Mapping[str, Any]) -> None:
    id, moment = str(change["id"]), int(change.get("time") or 0)
    one = found.setdefault(id, Experiment(id, str(change.get("name") or id)))
    one.created_ms, one.updated_ms = one.created_ms or moment, moment
    one.name = str(change.get("name") or one.name)
    one.is_deleted = bool(change.get("deleted", one.is_deleted))
    for key, value in (change.get("tags") or {}).items():
        one.tags.pop(key, None)
        if value is not None:
            one.tags[str(key)] = str(value)


def _refuse_default() -> Mapping[str, Any]:
    raise invalid("the default experiment cannot be deleted")
