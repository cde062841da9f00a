"""Routes of model versions: create from a run, a logged model or another version, get, search, tags, stages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import APIRouter

from whet.server.errors import invalid, missing
from whet.server.mlflow.door import Door
from whet.server.mlflow.forms import pairs
from whet.server.mlflow.pages import ordered, page
from whet.server.mlflow.requests import MAX_TAG, Asked, Asking, TheDoor
from whet.server.mlflow.search import order, parse, values_of
from whet.server.mlflow.sources import REGISTRY, source_of
from whet.track.registry.adding import add
from whet.track.registry.state import Model, Version

router = APIRouter(prefix="/2.0/mlflow/model-versions", tags=["mlflow"])

# What no version here is: clients ask for models by leaving prompts out.
TAG_OF_PROMPTS = "mlflow.prompt.is_prompt"
_STAGES = {stage.lower(): stage for stage in ("None", "Staging", "Production", "Archived")}
_ATTRIBUTES = ("name", "version_number", "run_id", "source_path", "creation_timestamp", "last_updated_timestamp")


@router.post("/create")
def create(asked: Asking, door: TheDoor) -> dict[str, Any]:
    """A new version. Files that are on this server are linked and hashed; what lies elsewhere is referred to."""
    name, source = asked.text("name"), asked.text("source")
    tags = {one.key(): one.value(MAX_TAG) for one in asked.listed("tags")}
    if door.registry.state().named(name) is None:
        raise missing(f"Registered Model with name={name} not found")
    found = source_of(door, source, asked.optional("run_id"), asked.optional("model_id"))
    link = {"run_link": asked.optional("run_link")} if asked.optional("run_link") else {}
    added = add(door.registry, name, found.contents, {**found.about, **link}, (), found.package)
    number = added.version.number
    for key, value in tags.items():
        door.registry.tag(name, number, key, value)
    if asked.optional("description"):
        door.registry.describe(name, number, asked.text("description"))
    if found.about.get("model_id"):
        door.logged.registered(str(found.about["model_id"]), name, number)
    return {"model_version": _entry(door, name, number)}


@router.get("/get")
def get(asked: Asking, door: TheDoor) -> dict[str, Any]:
    """A version by its number."""
    return {"model_version": entry_of(door, *version_of(door, asked))}


@router.patch("/update")
def update(asked: Asking, door: TheDoor) -> dict[str, Any]:
    """Another description."""
    model, version = version_of(door, asked)
    door.registry.describe(model.name, version.number, asked.text("description", ""))
    return {"model_version": _entry(door, model.name, version.number)}


@router.delete("/delete")
def delete(asked: Asking, door: TheDoor) -> dict[str, Any]:
    """Remove a version with its aliases; one that a run or another version is built on is refused."""
    model, version = version_of(door, asked)
    door.remove_version(model.name, version)
    return {}


@router.post("/transition-stage")
def transition(asked: Asking, door: TheDoor) -> dict[str, Any]:
    """A stage, which is a word beside the version here; aliases are what is resolved."""
    (model, version), given = version_of(door, asked), asked.text("stage")
    if given.lower() not in _STAGES:
        raise invalid(f"Invalid Model Version stage: {given[:50]}. Value must be one of {', '.join(_STAGES.values())}.")
    stage = _STAGES[given.lower()]
    is_archiving = asked.fields.get("archive_existing_versions") in (True, "true")
    if is_archiving and stage not in ("Staging", "Production"):
        raise invalid(f"archive_existing_versions does nothing for the stage {stage}")
    for other in model.versions.values() if is_archiving else ():
        if other.stage == stage and other.number != version.number:
            door.registry.stage(model.name, other.number, "Archived")
    door.registry.stage(model.name, version.number, stage)
    return {"model_version": _entry(door, model.name, version.number)}


@router.get("/search")
@router.post("/search")
def search(asked: Asking, door: TheDoor) -> dict[str, Any]:
    """Versions by a filter over names, numbers, runs, sources, times and tags."""
    test, clauses = parse(asked.text("filter", ""), _ATTRIBUTES), order(asked.texts("order_by"), _ATTRIBUTES)
    found = [pair for pair in door.registry.state().all_versions() if test(values_of(_row(*pair)))]
    by: list[Any] = [(lambda pair, e=entity, k=key: _row(*pair)[e].get(k), way) for entity, key, way in clauses]
    by += [(lambda pair: pair[1].updated, True), (lambda pair: pair[0].name, False), (lambda p: p[1].number, True)]
    part, token = page(ordered(found, by), asked, 10_000, 200_000)
    return {"model_versions": [entry_of(door, *pair) for pair in part], **token}


@router.get("/get-download-uri")
def get_download_uri(asked: Asking, door: TheDoor) -> dict[str, Any]:
    """Where the files of a version are had from."""
    _, version = version_of(door, asked)
    if not version.about.get("files"):
        return {"artifact_uri": str(version.about.get("source") or "")}
    return {"artifact_uri": f"mlflow-artifacts:/{REGISTRY}/{version.model}/{version.number}"}


@router.post("/set-tag")
def set_tag(asked: Asking, door: TheDoor) -> dict[str, Any]:
    """A tag."""
    model, version = version_of(door, asked)
    door.registry.tag(model.name, version.number, asked.key(), asked.value(MAX_TAG))
    return {}


@router.delete("/delete-tag")
def delete_tag(asked: Asking, door: TheDoor) -> dict[str, Any]:
    """A tag taken away, if it is there."""
    model, version = version_of(door, asked)
    if asked.key() in version.tags:
        door.registry.tag(model.name, version.number, asked.key(), None)
    return {}


def version_of(door: Door, asked: Asked) -> tuple[Model, Version]:
    """The version that a request names. Raises Refusal where there is none."""
    name, number = asked.text("name"), asked.whole("version")
    model = door.registry.state().named(name)
    if model is None:
        raise missing(f"Registered Model with name={name} not found")
    if number not in model.versions:
        raise missing(f"Model Version (name={name}, version={number}) not found")
    return model, model.versions[number]


def entry_of(door: Door, model: Model, version: Version) -> dict[str, Any]:
    """As `ModelVersion`."""
    about = version.about
    return {
        "name": model.name, "version": str(version.number), "creation_timestamp": int(version.created * 1000),
        "last_updated_timestamp": int(version.updated * 1000), "user_id": str(about.get("by") or ""),
        "current_stage": version.stage, "description": version.description,
        "source": str(about.get("mlflow_source") or about.get("source") or ""), "run_id": _run_id(version),
        "status": "READY", "run_link": str(about.get("run_link") or ""), "tags": pairs(version.tags),
        "aliases": model.aliases_of(version.number), "model_id": str(about.get("model_id") or ""),
    }  # fmt: skip


def _entry(door: Door, name: str, number: int) -> dict[str, Any]:
    model = door.registry.model(name)
    return entry_of(door, model, model.versions[number])


def _run_id(version: Version) -> str:
    return str((version.about.get("run") or {}).get("name") or "")


def _row(model: Model, version: Version) -> dict[str, Any]:
    about = version.about
    attributes = {
        "name": model.name, "version_number": version.number, "run_id": _run_id(version),
        "source_path": str(about.get("mlflow_source") or about.get("source") or ""),
        "creation_timestamp": version.created * 1000, "last_updated_timestamp": version.updated * 1000,
    }  # fmt: skip
    return {"attribute": attributes, "tag": {TAG_OF_PROMPTS: "false", **version.tags}}


def place_of(door: Door, model: str, number: str) -> Path:
    """The files of a version as they came, by its model's folder and number. Raises Refusal where there are none."""
    found = door.registry.state().models.get(model)
    version = found.versions.get(int(number)) if found and number.isdigit() and len(number) < 16 else None
    if version is None:
        raise missing(f"there is no version {ascii(number)[:40]} of {ascii(model)[:80]}")
    return door.registry.package(version)
