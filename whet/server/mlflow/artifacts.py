"""Routes of artifacts: `files/` of a run folder, listed, and stored and read through MLflow's artifact proxy."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse
from starlette.concurrency import run_in_threadpool

from whet.server.access.person import EVERY, asking
from whet.server.errors import Refusal, missing, refuse_full
from whet.server.files import inside
from whet.server.mlflow.door import Door
from whet.server.mlflow.logged import LOGGED
from whet.server.mlflow.requests import Asking, TheDoor
from whet.server.mlflow.sources import REGISTRY
from whet.server.mlflow.versions import place_of

router = APIRouter(prefix="/2.0", tags=["mlflow"])

FOLDER = "files"


@router.get("/mlflow/artifacts/list")
def listed(asked: Asking, door: TheDoor) -> dict[str, Any]:
    """What lies in a folder of a run's artifacts, with paths from their root."""
    view, path = door.view(asked.run_id()), asked.text("path", "")
    root = door.served.folder(view.run_id) / FOLDER
    return {"root_uri": view.artifact_uri, "files": entries(root, path)}


@router.get("/mlflow-artifacts/artifacts")
def proxied_list(asked: Asking, door: TheDoor) -> dict[str, Any]:
    """The same through the proxy, whose paths begin with the run, with names from the folder asked for."""
    holder, rest = _holder(door, asked.text("path", ""))
    return {"files": _entries(holder.place(rest), "", with_links=holder.with_links)}


@router.get("/mlflow-artifacts/artifacts/{path:path}")
def download(path: str, door: TheDoor) -> FileResponse:
    """The bytes of an artifact, or a part of them (Range)."""
    holder, rest = _holder(door, path)
    place = holder.place(rest)
    if not place.is_file():
        raise missing(f"there is no artifact `{path}`")
    return FileResponse(place, media_type="application/octet-stream")


@router.put("/mlflow-artifacts/artifacts/{path:path}")
async def upload(path: str, request: Request, door: TheDoor) -> dict[str, Any]:
    """Store an artifact, whole or not at all, however large: it goes to the disk as it comes."""
    place, root = _changed(door, path)
    if place == root:
        raise missing("an artifact needs a name")
    part = None
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(prefix=".upload-", suffix=".part", dir=root)
        part = Path(name)
        with open(number, "wb") as file:
            async for piece in request.stream():
                await run_in_threadpool(file.write, piece)
        os.chmod(part, 0o644)
        os.replace(part, place)
    except OSError as error:
        raise refuse_full(error, f"the artifact `{path}`") from None
    finally:
        if part is not None:
            part.unlink(missing_ok=True)
    return {}


@router.delete("/mlflow-artifacts/artifacts/{path:path}")
def delete(path: str, door: TheDoor) -> dict[str, Any]:
    """Remove an artifact, or a folder of them."""
    place, root = _changed(door, path)
    if place == root or not place.exists():
        raise missing(f"there is no artifact `{path}`")
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink()
    return {}


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose artifacts a path is about: where they lie, and why they cannot be changed (empty: they can).

    `with_links`: links in it were made by this server, and are followed.
    """

    root: Path
    refusal: str
    with_links: bool = False

    def place(self, rest: str) -> Path:
        """Where an artifact lies. Raises Refusal for a path that leads out, by links of others too."""
        return inside(self.root, rest, with_links=self.with_links) if rest else self.root


def entries(root: Path, path: str) -> list[dict[str, Any]]:
    """What lies in a folder of artifacts, with paths from their root. Raises Refusal for one that leads out."""
    return _entries(inside(root, path) if path else root, path)


def _of_run(door: Door, run: str, rest: str) -> tuple[Holder, str]:
    _, _, rest = rest.partition("/")  # `artifacts`
    is_ours = door.view(run).is_ours
    said = "" if is_ours else f"the run `{run}` is written by whet itself: it is only read here"
    return Holder(door.served.folder(run) / FOLDER, said), rest


def _of_version(door: Door, _: str, rest: str) -> tuple[Holder, str]:
    model, _, rest = rest.partition("/")
    number, _, rest = rest.partition("/")
    if not asking().may_see(EVERY):
        raise missing(f"there is no model `{model}`")
    return Holder(place_of(door, model, number), "versions of the registry do not change", with_links=True), rest


def _of_logged(door: Door, _: str, rest: str) -> tuple[Holder, str]:
    id, _, rest = rest.partition("/")
    _, _, rest = rest.partition("/")  # `artifacts`
    experiment = door.seen().get(door.logged.get(id).experiment)
    if experiment is None:
        raise missing(f"there is no logged model `{id}`")
    door.served.check_project(experiment.project)
    return Holder(door.logged.place(id), ""), rest


_HOLDERS = {REGISTRY: _of_version, LOGGED: _of_logged}


def _holder(door: Door, path: str) -> tuple[Holder, str]:
    """Whose artifacts a path of the proxy is about, and the rest of it: a run's, a version's or a logged model's."""
    first, _, rest = path.strip("/").partition("/")
    return _HOLDERS.get(first, _of_run)(door, first, rest)


def _changed(door: Door, path: str) -> tuple[Path, Path]:
    """Where an artifact that is to be changed lies, and the root of what it belongs to. Raises Refusal."""
    holder, rest = _holder(door, path)
    if holder.refusal:
        raise Refusal("RESOURCE_CONFLICT", holder.refusal)
    holder.root.mkdir(parents=True, exist_ok=True)
    return holder.place(rest), holder.root


def _entries(folder: Path, prefix: str, *, with_links: bool = False) -> list[dict[str, Any]]:
    """What lies directly in a folder; of a file that file itself."""
    if folder.is_file():
        return [{"path": prefix or folder.name, "is_dir": False, "file_size": folder.stat().st_size}]
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name.startswith(".upload-") or (path.is_symlink() and not with_links):
            continue
        name = f"{prefix}/{path.name}" if prefix else path.name
        size = {} if path.is_dir() else {"file_size": path.stat().st_size}
        found.append({"path": name, "is_dir": path.is_dir(), **size})
    return found
