"""The follower `mlflow`: the run again in MLflow, on a server or in its own store, through their own client."""

from __future__ import annotations

import importlib.util
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from whet.base.catalogue import follower
from whet.base.errors import ConfigError, missing_package, setting_secret
from whet.track.follow.converted import media_file
from whet.track.follow.plugin import Ending, FollowedRun, Follower, Logged
from whet.track.reading.read import Event
from whet.track.reading.rows import flat

# Theirs tries for minutes, which is longer than a follower may hang; it is tried again as a whole.
_PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "15"}
# What MLflow takes at once, and how long its values may be.
_MOST_METRICS, _MOST_PARAMS, _LONGEST_PARAM = 1000, 100, 6000
_STATUS = {"done": "FINISHED", "stopped": "KILLED", "failed": "FAILED", "killed": "FAILED", "running": "RUNNING"}


@follower("mlflow")
def mlflow(*, uri: str | None = None, experiment: str | None = None) -> Follower:
    """The run in MLflow, with the package `mlflow` (or `mlflow-skinny`) and its own login.

    uri: the server or store; by default as MLFLOW_TRACKING_URI says
    experiment: by default the run's project
    """
    if importlib.util.find_spec("mlflow") is None:
        raise missing_package("mlflow", "mlflow", "a tee to mlflow")
    if uri and urlsplit(uri).password:
        raise ConfigError(
            "the `uri` of mlflow holds a password",
            hint=setting_secret("MLFLOW_TRACKING_PASSWORD"),
        )
    return MLflowFollower(uri, experiment)


class MLflowFollower(Follower):
    """Theirs keeps one value a step and time, so what is told again after a kill stands there once."""

    def __init__(self, uri: str | None, experiment: str | None) -> None:
        self._uri, self._experiment = uri, experiment

    def start(self, run: FollowedRun, state: Mapping[str, Any]) -> None:
        from mlflow.entities import Metric, Param
        from mlflow.tracking import MlflowClient

        for name, value in _PATIENCE.items():
            os.environ.setdefault(name, value)
        self._metric, self._param, self._run = Metric, Param, run
        self._client = MlflowClient(self._uri)
        self._id = str(state.get("id") or "") or self._begun(run)
        self._client.update_run(self._id, "RUNNING")

    def log(self, rows: Sequence[Logged]) -> None:
        metrics = (
            self._metric(name, value, int(row.time * 1000), row.step)
            for row in rows
            for name, value in row.named().items()
        )
        while batch := list(islice(metrics, _MOST_METRICS)):
            self._client.log_batch(self._id, metrics=[_allowed(one) for one in batch])

    def media(self, event: Event) -> None:
        for entry in event.payload.get("entries") or []:
            with suppress(OSError, LookupError):  # it has no file, or that is gone by now
                path = media_file(self._run.folder, entry)
                self._client.log_artifact(self._id, str(path), f"media/{_clean(str(event.payload.get('name')))}")

    def event(self, event: Event) -> None:
        if event.kind == "config":
            self._params(event.payload.get("values") or {})

    def finish(self, ending: Ending) -> None:
        if ending.reason:
            self._client.set_tag(self._id, "whet.reason", ending.reason[:5000])
        self._client.set_terminated(self._id, _STATUS.get(ending.status, "FAILED"))

    def state(self) -> dict[str, Any]:
        return {"id": self._id}

    def _begun(self, run: FollowedRun) -> str:
        name = self._experiment or str(run.about.get("project") or "whet")
        found = self._client.get_experiment_by_name(name)
        experiment = found.experiment_id if found else self._client.create_experiment(name)
        tags = {str(tag): "true" for tag in run.about.get("tags") or ()}
        self._id = str(self._client.create_run(experiment, tags=tags, run_name=run.name).info.run_id)
        self._params(run.config)
        return self._id

    def _params(self, config: Mapping[str, Any]) -> None:
        """Parameters may be said once: what changes later is left as it was."""
        params: Iterator[Any] = (
            self._param(_clean(name)[:250], str(value)[:_LONGEST_PARAM]) for name, value in flat(config)
        )
        while batch := list(islice(params, _MOST_PARAMS)):
            with suppress(Exception):  # theirs refuses a parameter that has another value already
                self._client.log_batch(self._id, params=batch)


def _allowed(metric: Any) -> Any:
    """Under a name that MLflow takes. Infinities are the largest numbers there."""
    metric._key = _clean(metric.key)[:250]
    if math.isinf(metric.value):
        metric._value = math.copysign(1.7976931348623157e308, metric.value)
    return metric


def _clean(name: str) -> str:
    """Letters, digits and `_-. /:`; nothing that leaves a folder."""
    kept = "".join(letter if letter.isalnum() or letter in "_-. /" else "_" for letter in name)
    return kept.strip("/.") or "_"
