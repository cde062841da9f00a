"""Where a new version of an MLflow client comes from: a run's artifacts, a logged model, another version, elsewhere."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from whet.base.errors import WhetError
from whet.server.access.person import EVERY, asking
from whet.server.errors import invalid, missing
from whet.server.files import inside
from whet.server.mlflow.door import Door
from whet.server.mlflow.logged import LOGGED
from whet.track.registry.described import Candidate, candidate
from whet.track.registry.names import Reference

# First part of the paths under which the artifacts of versions are had; no run can be called so.
REGISTRY = ".registry"
_FILES = "files"
_ELSEWHERE = Candidate({}, {"kind": "exported"}, (), {})


def source_of(door: Door, source: str, run_id: str | None, model_id: str | None) -> Candidate:
    """A candidate of what an address means. Raises Refusal for places on this machine that are none of this server's.

    Figures of the run or of the logged model are its evaluation, under the task `run`.
    """
    scheme, path = _parted(source)
    match scheme:
        case "runs" | "mlflow-artifacts":
            found = _of_run(door, path, source)
            run_id = run_id or path.partition("/")[0]
        case "models":
            found, model_id, of = _of_models(door, path, model_id)
            run_id = run_id or of
        case "" | "file":
            found = _of_folder(door, path, source)
        case _:
            found = _ELSEWHERE
    if model_id is None and path.startswith(f"{LOGGED}/") and scheme == "mlflow-artifacts":
        model_id = path.split("/")[1]
    about = {**found.about, "source": source, "mlflow_source": source, **_measured(door, run_id, model_id)}
    return replace(found, about=about)


def _parted(source: str) -> tuple[str, str]:
    """Scheme and path of an address, without a host."""
    parts = urlsplit(source)
    if len(parts.scheme) < 2:
        return "", source
    path = unquote(parts.path).strip("/") if parts.scheme != "file" else unquote(parts.path)
    if parts.query or parts.fragment or ".." in path.split("/"):
        raise invalid(f"Invalid model version source: '{source[:200]}'")
    return parts.scheme, path


def _of_run(door: Door, path: str, source: str) -> Candidate:
    first, _, rest = path.partition("/")
    if first == LOGGED:
        return _taken(door.logged.place(rest.partition("/")[0]), None)
    if first == REGISTRY:
        raise invalid(f"Invalid model version source: '{source[:200]}': name the version, as models:/NAME/1")
    if urlsplit(source).scheme == "mlflow-artifacts":
        _, _, rest = rest.partition("/")  # `artifacts`
    run = door.served.folder(first)
    root = run / _FILES
    return _taken(inside(root, rest) if rest else root, run)


def _of_models(door: Door, path: str, model_id: str | None) -> tuple[Candidate, str | None, str | None]:
    """A logged model by its id, or a version: its files, the logged model behind it, and its run."""
    name, slash, end = path.partition("/")
    if not slash and "@" not in name:
        model = door.logged.get(name)
        return _taken(door.logged.place(name), None), name, model.run or None
    is_alias = not slash
    called, _, alias = name.rpartition("@") if is_alias else (name, "", "")
    number = int(end) if end.isascii() and end.isdigit() and len(end) < 16 else None
    if not asking().may(EVERY):
        raise missing(f"Registered Model with name={called} not found")
    try:
        version = door.registry.resolve(Reference(called, number, alias or None))
    except WhetError as error:
        raise missing(error.message) from None
    known = (version.about.get("run") or {}).get("name")
    found = _taken(door.registry.package(version), None)
    kept = {key: version.about[key] for key in ("run", "base", "base_version", "licence") if key in version.about}
    return replace(found, about={**found.about, **kept}), version.about.get("model_id"), known


def _of_folder(door: Door, path: str, source: str) -> Candidate:
    """A folder of this machine: only below the folder of runs, and only for those who may see all of them."""
    real, root = Path(os.path.realpath(path)), Path(os.path.realpath(door.root))
    if not path.startswith("/") or not real.is_relative_to(root) or real == root or not asking().may(EVERY):
        raise invalid(
            f"Invalid model version source: '{source[:200]}'. A local path has to be contained within the artifacts of "
            "a run of this server; `whet registry add` takes any folder"
        )
    run = root / real.relative_to(root).parts[0]
    return _taken(real, run if (run / "track").is_dir() else None)


def _taken(folder: Path, run: Path | None) -> Candidate:
    """The candidate in a folder, from which no link leads; one without files where nothing is there yet."""
    if folder.is_file() and not folder.is_symlink():
        return Candidate({folder.name: folder}, {"kind": "exported"}, (), {})
    if not folder.is_dir():
        return _ELSEWHERE
    return candidate(folder, run, with_links=False)


def _measured(door: Door, run_id: str | None, model_id: str | None) -> dict[str, Any]:
    """The run and the logged model, with the newest of their figures."""
    told: dict[str, Any] = {}
    figures: dict[str, float] = {}
    if run_id:
        view = door.view(run_id)
        figures = {name: metric.value for name, metric in view.metrics.items()}
        told["run"] = {"name": view.run_id, "step": max((m.step for m in view.metrics.values()), default=None)}
    if model_id:
        told["model_id"] = model_id
        figures |= {metric.key: metric.value for metric in door.logged.get(model_id).newest()}
    if figures:
        values = {name: {"value": value} for name, value in figures.items()}
        told["evaluations"] = [{"task": "run", "figures": values}]
    return told
