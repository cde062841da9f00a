"""MLflow: the client behind its functions is followed, autologging included; the stand-in has what scripts use."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from whet.track.integrations.patched.patching import Patch
from whet.track.script.script_run import Run

LIBRARY = "mlflow"


def follow(patch: Patch) -> None:
    """Record what its tracking client is told, by whichever function."""
    from mlflow.tracking._tracking_service.client import TrackingServiceClient as Client

    def ours(run_id: str) -> Run:
        return patch.begun(run_id, {"name": run_id})

    def created(run: Any, client: Any, experiment_id: str, *more: Any, **named: Any) -> None:
        project = client.get_experiment(experiment_id).name
        patch.begun(run.info.run_id, {"name": run.info.run_name, "project": project})

    def batch(client: Any, run_id: str, metrics: Any = (), params: Any = (), tags: Any = (), **more: Any) -> None:
        run = ours(run_id)
        for one in metrics:
            run.log({one.key: one.value}, patch.step(run_id, one.key, one.step))
        run.config.update({one.key: one.value for one in params})
        for one in tags:
            _tag(run, one.key, one.value)

    def metric(
        client: Any, run_id: str, key: str, value: Any, timestamp: Any = None, step: Any = None, **more: Any
    ) -> None:
        ours(run_id).log({key: float(value)}, patch.step(run_id, key, step))

    def ended(client: Any, run_id: str, status: Any = None, *more: Any, **named: Any) -> None:
        patch.ended(run_id, failed=str(status) in ("FAILED", "KILLED"))

    def artifact(client: Any, run_id: str, local_path: Any, artifact_path: Any = None) -> None:
        kept(ours(run_id), local_path, artifact_path)

    patch.after(Client, "create_run", created)
    patch.before(Client, "log_metric", metric)
    patch.before(Client, "log_batch", batch)
    patch.before(
        Client, "log_param", lambda client, run_id, key, value, *_, **__: ours(run_id).config.update({key: value})
    )
    patch.before(Client, "set_tag", lambda client, run_id, key, value, *_, **__: _tag(ours(run_id), key, value))
    patch.before(Client, "log_artifact", artifact)
    patch.before(Client, "log_artifacts", artifact)
    patch.before(Client, "set_terminated", ended)


def stand_in(patch: Patch) -> Mapping[str, Any]:
    """The functions of MLflow's module that scripts use, over runs of ours; others do nothing."""
    return _Functions(patch).by_name()


def kept(run: Run, path: Any, inside: Any = None) -> None:
    """Copy a file, or what is in a folder, into `files/` of the run."""
    source = Path(path)
    for file in [source] if source.is_file() else sorted(one for one in source.rglob("*") if one.is_file()):
        run.save(str(file), base_path=str(source.parent if source.is_file() else source))


def _tag(run: Run, key: str, value: Any) -> None:
    if not key.startswith("mlflow."):
        run.config.update({f"tag.{key}": value})


class _Active:
    """What `start_run` gives: a context manager with `info`."""

    def __init__(self, run_id: str, run: Run, end: Callable[[str], None]) -> None:
        self.info = SimpleNamespace(run_id=run_id, run_name=run.name, status="RUNNING", artifact_uri=run.url)
        self.run, self._end = run, end

    def __enter__(self) -> _Active:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self._end("FINISHED" if kind is None else "FAILED")


class _Functions:
    """State of the stand-in: the experiment, and the runs that are open, the innermost last."""

    def __init__(self, patch: Patch) -> None:
        self._patch = patch
        self._experiment = "Default"
        self._active: list[_Active] = []

    def by_name(self) -> dict[str, Any]:
        """The functions, by the names they have in MLflow."""
        found = {name: getattr(self, name) for name in dir(self) if name[0] != "_" and name != "by_name"}
        nothing = ("autolog", "set_tracking_uri", "set_registry_uri", "enable_system_metrics_logging", "log_input")
        return {**dict.fromkeys(nothing, lambda *args, **named: None), **found}

    def set_experiment(self, experiment_name: str | None = None, *more: Any, **named: Any) -> Any:
        self._experiment = str(experiment_name or named.get("experiment_id"))
        return SimpleNamespace(name=self._experiment, experiment_id="0")

    def start_run(self, run_id: str | None = None, *more: Any, run_name: str | None = None, **named: Any) -> _Active:
        key = run_id or uuid.uuid4().hex
        about = {"project": self._experiment, "name": run_name or key, "notes": named.get("description")}
        self._active.append(_Active(key, self._patch.begun(key, about), self.end_run))
        self.set_tags(named.get("tags") or {})
        return self._active[-1]

    def end_run(self, status: str = "FINISHED") -> None:
        if self._active:
            self._patch.ended(self._active.pop().info.run_id, failed=status in ("FAILED", "KILLED"))

    def active_run(self) -> _Active | None:
        return self._active[-1] if self._active else None

    def log_metric(self, key: str, value: Any, step: Any = None, **more: Any) -> None:
        self.log_metrics({key: value}, step)

    def log_metrics(self, metrics: Mapping[str, Any], step: Any = None, **more: Any) -> None:
        active = self._open()
        for key, value in metrics.items():
            active.run.log({key: value}, self._patch.step(active.info.run_id, key, step))

    def log_param(self, key: str, value: Any, **more: Any) -> Any:
        self.log_params({key: value})
        return value

    def log_params(self, params: Mapping[str, Any], **more: Any) -> None:
        self._open().run.config.update(dict(params))

    def set_tag(self, key: str, value: Any, **more: Any) -> None:
        self.set_tags({key: value})

    def set_tags(self, tags: Mapping[str, Any], **more: Any) -> None:
        for key, value in tags.items():
            _tag(self._open().run, key, value)

    def log_artifact(self, local_path: Any, artifact_path: Any = None, **more: Any) -> None:
        kept(self._open().run, local_path, artifact_path)

    log_artifacts = log_artifact

    def log_text(self, text: str, artifact_file: str, **more: Any) -> None:
        from whet.track.script.media import Text

        self._open().run.log({artifact_file: Text(text)}, 0)

    def log_dict(self, dictionary: Any, artifact_file: str, **more: Any) -> None:
        self.log_text(json.dumps(dictionary, default=str, indent=1), artifact_file)

    def log_image(
        self, image: Any, artifact_file: str | None = None, key: str | None = None, step: Any = None, **more: Any
    ) -> None:
        from whet.track.script.media import Image

        self._open().run.log({str(key or artifact_file): Image(image)}, 0 if step is None else step)

    def log_figure(self, figure: Any, artifact_file: str, **more: Any) -> None:
        self.log_image(figure, artifact_file)

    def log_table(self, data: Any, artifact_file: str, **more: Any) -> None:
        from whet.track.script.media import Table

        rows = data if not isinstance(data, Mapping) else list(zip(*data.values(), strict=True))
        table = Table(columns=list(data), data=rows) if isinstance(data, Mapping) else Table(dataframe=data)
        self._open().run.log({artifact_file: table}, 0)

    def _open(self) -> _Active:
        """The run that is open; like MLflow, one begins by itself."""
        return self._active[-1] if self._active else self.start_run()
