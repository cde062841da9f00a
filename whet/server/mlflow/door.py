"""The door: runs that MLflow's clients make, each a run folder of ours with one log that this server writes."""

from __future__ import annotations

import resource
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from whet.base.errors import WhetError
from whet.server.access.person import OWNER, asking
from whet.server.errors import Refusal, invalid, missing
from whet.server.mlflow.experiment_journal import Experiment, Experiments, experiment_id_of
from whet.server.mlflow.logged import LoggedModel, LoggedModels, Measure
from whet.server.mlflow.views import MARK, View, Views
from whet.server.served import Served
from whet.track.logs import frames
from whet.track.logs.claim import claimed
from whet.track.logs.event_log import EventLog
from whet.track.reading.catalogue import said_by_name
from whet.track.reading.store import LOGS
from whet.track.registry.referring import referring
from whet.track.registry.registry import Registry, folder_of, user_here
from whet.track.registry.state import Version
from whet.track.script.described import described

# An end in MLflow's words -> in ours; a run in another status goes on.
OUTCOMES = {"FINISHED": "done", "FAILED": "failed", "KILLED": "stopped"}


class Written:
    """A run that is open for writing. What is not in the file when a method returns raises Refusal."""

    def __init__(self, log: EventLog, view: View) -> None:
        self._log = log
        self.params, self.labels = dict(view.params), dict(view.tags)
        self.own: dict[str, Any] = {}
        self.is_deleted, self.status = view.is_deleted, view.status

    def scalars(self, timestamp: int, step: int, values: Mapping[str, float]) -> None:
        """Points at a step, as of a time in milliseconds."""
        with self._whole():
            self._log.scalars_at(timestamp / 1000, step, values)

    def event(self, kind: str, payload: Mapping[str, Any]) -> None:
        with self._whole():
            self._log.event(kind, 0, payload)

    def say(self, own: Mapping[str, Any], **about: Any) -> None:
        """Change what the run says of itself: `own` of what is MLflow's alone."""
        self.own.update(own)
        self.event("run", {**about, MARK: self.own})

    def close(self, outcome: str) -> None:
        self._log.close(outcome, "")

    def leave(self) -> None:
        self._log.leave()

    @property
    def is_closed(self) -> bool:
        return self._log.is_closed

    @contextmanager
    def _whole(self) -> Iterator[None]:
        before = self._log.dropped
        yield
        if self._log.dropped != before:
            raise Refusal("INTERNAL_ERROR", "the disk of the server does not take it")


class Door:
    """All runs of a folder to read, and those made here to write, each by one request at a time."""

    def __init__(self, served: Served) -> None:
        self.served, self.root = served, served.root
        self.experiments = Experiments(self.root)
        self.registry, self.logged = Registry(folder_of(self.root), _who), LoggedModels(self.root)
        self.views = Views()
        self._open: OrderedDict[str, Written] = OrderedDict()
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()
        self._most = max(16, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4)

    def view(self, run_id: str) -> View:
        """A run. Raises Refusal where there is none."""
        return self.views.of(self.served.folder(run_id), experiment_id_of)

    def all(self) -> list[View]:
        """All runs, the latest started first."""
        return [self.views.of(run.folder, experiment_id_of) for run, _ in self.served.listed()]

    def projects(self) -> set[str]:
        """Projects that runs name which were not made here."""
        seen = {run.name for run, _ in self.served.listed()}
        found = [said["about"] for name, said in said_by_name(self.root).items() if name in seen]
        return {str(about.get("project") or "") for about in found if MARK not in about}

    def seen(self) -> dict[str, Experiment]:
        """Experiments by id that whoever asks may see."""
        found = self.experiments.all(self.projects()).items()
        return {id: one for id, one in found if asking().may_see(one.project)}

    def change(self, id: str, **changes: Any) -> None:
        """Change an experiment. Raises Refusal where there is none, or whoever asks may not."""
        one = self.seen().get(id)
        for project in {one.project, changes.get("name", one.project)} if one else ():
            self.served.check_project(project)
        self.experiments.change(id, self.projects() if one else (), **changes)

    def create(self, name: str, experiment: Experiment, own: Mapping[str, Any], labels: Mapping[str, str]) -> View:
        """A new run, which is in the store when this returns."""
        folder = claimed(self.root, name.replace(".", "-"))  # MLflow's ids have no dots
        self.served.place(folder.name, experiment.project)
        log = EventLog(folder / LOGS, frames.RANK_0)
        log.event("run", 0, {"project": experiment.name, "name": name, MARK: dict(own)})
        if labels:
            log.event("labels", 0, {"values": labels})
        if log.dropped:
            log.leave()
            raise Refusal("INTERNAL_ERROR", "the disk of the server does not take a new run")
        view = self.view(folder.name)
        written = Written(log, view)
        written.own.update(own)
        with self._lock:
            self._open[folder.name] = written
        return view

    def is_ours(self, run_id: str) -> bool:
        """Whether a run was made here, so that this server writes its log. Raises Refusal where whoever asks may not
        write it, also of one that is open."""
        self.served.folder(run_id)
        return run_id in self._open or self.view(run_id).is_ours

    @contextmanager
    def writing(self, run_id: str, *, may_be_deleted: bool = False) -> Iterator[Written]:
        """A run to write to. Raises Refusal for one that is deleted, or that another process writes."""
        if not self.is_ours(run_id):
            raise Refusal("RESOURCE_CONFLICT", f"the run `{run_id}` is written by whet itself: it is only read here")
        with self._lock:
            lock = self._locks.setdefault(run_id, threading.Lock())
        with lock:
            written = self._opened(run_id)
            if written.is_deleted and not may_be_deleted:
                raise invalid(f"The run {run_id} must be in the 'active' state. Current state is deleted.")
            try:
                yield written
            finally:
                if written.status in OUTCOMES or written.is_deleted:
                    written.close(OUTCOMES.get(written.status, "stopped"))
                    with self._lock:
                        self._open.pop(run_id, None)

    def remove_version(self, name: str, version: Version) -> None:
        """Remove a version with its aliases. Raises Refusal where runs or other versions are built on it."""
        self._refuse_referred(name, [version])
        self.registry.remove(name, version.number)

    def remove_model(self, name: str) -> None:
        """Remove a model with its versions. Raises Refusal where runs or other versions are built on one."""
        self._refuse_referred(name, list(self.registry.model(name).versions.values()))
        self.registry.forget(name)

    def _refuse_referred(self, name: str, versions: list[Version]) -> None:
        for version in versions:
            said = [one for one in referring(self.registry, version, self.root) if not one.startswith("@")]
            if said:
                raise Refusal("RESOURCE_CONFLICT", f"{name}/{version.number} is referred to: {'; '.join(said)}")

    def model_seen(self, id: str, *, with_deleted: bool = False) -> LoggedModel:
        """A logged model that whoever asks may see. Raises Refusal."""
        found = self.logged.get(id, with_deleted=with_deleted)
        if found.experiment not in self.seen():
            raise missing(f"Logged model with ID '{id[:80]}' not found.")
        return found

    def model_changed(self, id: str) -> LoggedModel:
        """A logged model that whoever asks may change. Raises Refusal."""
        found = self.model_seen(id)
        self.served.check_project(self.seen()[found.experiment].project)
        return found

    def measure(self, measures: Mapping[str, list[Measure]]) -> None:
        """Points of logged models by their ids. Raises Refusal for one that there is not."""
        for id in measures:
            self.model_changed(id)
        for id, points in measures.items():
            self.logged.tell("measured", id, measures=[asdict(one) for one in points])

    def close(self) -> None:
        """Let go of all runs, for the next server to go on with."""
        with self._lock:
            for written in self._open.values():
                written.leave()
            self._open.clear()

    def _opened(self, run_id: str) -> Written:
        with self._lock:
            written = self._open.get(run_id)
        if written is None or written.is_closed:
            written = self._reopened(run_id)
        with self._lock:
            self._open[run_id] = written
            self._open.move_to_end(run_id)
            for name in list(self._open)[: max(0, len(self._open) - self._most)]:
                if not self._locks.setdefault(name, threading.Lock()).locked():
                    self._open.pop(name).leave()
        return written

    def _reopened(self, run_id: str) -> Written:
        folder: Path = self.served.folder(run_id)
        try:
            log = EventLog.reopened(folder / LOGS / frames.log_name(frames.RANK_0, 1))
        except WhetError as error:
            raise Refusal("RESOURCE_CONFLICT", error.message) from None
        written = Written(log, self.view(run_id))
        with self.served.history(folder) as logs:
            written.own.update(described(logs).about[MARK])
        return written


def _who() -> str:
    """Who changes the registry: of a team the one who asks, else the user that the server runs as."""
    person = asking().person
    return user_here() if person is OWNER else person.name


def now_ms() -> int:
    """Unix time in milliseconds."""
    return int(time.time() * 1000)
