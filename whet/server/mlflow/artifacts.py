"""Routes of artifacts: `files/` of a run folder, listed, and stored and read through MLflow's artifact proxy."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse
from starlette.concurrency import run_in_threadpool

from whet.server.errors import Refusal, missing
from whet.server.files import inside
from whet.server.mlflow.door import Door
from whet.server.mlflow.requests import Asking, TheDoor
from whet.server.served import refuse_full

router = APIRouter(prefix="/2.0", tags=["mlflow"])

FOLDER = "files"


@router.get("/mlflow/artifacts/list")
def listed(asked: Asking, door: TheDoor) -> dict[str, Any]:
    """What lies in a folder of a run's artifacts, with paths from their root."""
    view, path = door.view(asked.run_id()), asked.text("path", "")
    root = door.served.folder(view.run_id) / FOLDER
    found = _entries(inside(root, path) if path else root, path)
    return {"root_uri": view.artifact_uri, "files": found}


@router.get("/mlflow-artifacts/artifacts")
def proxied_list(asked: Asking, door: TheDoor) -> dict[str, Any]:
    """The same through the proxy, whose paths begin with the run, with names from the folder asked for."""
    place, _ = _place(door, asked.text("path", ""))
    return {"files": _entries(place, "")}


@router.get("/mlflow-artifacts/artifacts/{path:path}")
def download(path: str, door: TheDoor) -> FileResponse:
    """The bytes of an artifact, or a part of them (Range)."""
    place, _ = _place(door, path)
    if not place.is_file():
        raise missing(f"there is no artifact `{path}`")
    return FileResponse(place, media_type="application/octet-stream")


@router.put("/mlflow-artifacts/artifacts/{path:path}")
async def upload(path: str, request: Request, door: TheDoor) -> dict[str, Any]:
    """Store an artifact, whole or not at all, however large: it goes to the disk as it comes."""
    place, root = _place(door, path)
    _check_ours(door, path)
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
    place, root = _place(door, path)
    _check_ours(door, path)
    if place == root or not place.exists():
        raise missing(f"there is no artifact `{path}`")
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink()
    return {}


def _place(door: Door, path: str) -> tuple[Path, Path]:
    """Where `<run>/artifacts/<path>` lies, and the root of that run's artifacts."""
    run, _, rest = path.strip("/").partition("/")
    _, _, rest = rest.partition("/")  # `artifacts`
    root = door.served.folder(run) / FOLDER
    return (inside(root, rest) if rest else root), root


def _check_ours(door: Door, path: str) -> None:
    run = path.strip("/").partition("/")[0]
    if not door.view(run).is_ours:
        raise Refusal("RESOURCE_CONFLICT", f"the run `{run}` is written by whet itself: it is only read here")


def _entries(folder: Path, prefix: str) -> list[dict[str, Any]]:
    """What lies directly in a folder; of a file that file itself."""
    if folder.is_file():
        return [{"path": prefix or folder.name, "is_dir": False, "file_size": folder.stat().st_size}]
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name.startswith(".upload-") or path.is_symlink():
            continue
        name = f"{prefix}/{path.name}" if prefix else path.name
        size = {} if path.is_dir() else {"file_size": path.stat().st_size}
        found.append({"path": name, "is_dir": path.is_dir(), **size})
    return found
