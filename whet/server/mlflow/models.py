"""Routes of registered models: create, get, search, rename, delete, tags, aliases, newest versions by stage."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from whet.base.errors import WhetError
from whet.server.errors import Refusal, invalid, missing
from whet.server.mlflow.door import Door
from whet.server.mlflow.forms import pairs
from whet.server.mlflow.pages import ordered, page
from whet.server.mlflow.requests import MAX_TAG, Asking, TheDoor
from whet.server.mlflow.search import order, parse, values_of
from whet.server.mlflow.versions import TAG_OF_PROMPTS, entry_of, version_of
from whet.track.registry.state import Model, Version

router = APIRouter(prefix="/2.0/mlflow/registered-models", tags=["mlflow"])

_ATTRIBUTES = ("name", "creation_timestamp", "last_updated_timestamp")


@router.post("/create")
def create(asked: Asking, door: TheDoor) -> dict[str, Any]:
    """A new model without versions."""
    name, text = asked.text("name"), asked.text("description", "")
    tags = {one.key(): one.value(MAX_TAG) for one in asked.listed("tags")}
    if door.registry.state().named(name) is not None:
        raise Refusal("RESOURCE_ALREADY_EXISTS", f"Registered Model (name={name}) already exists.")
    try:
        door.registry.create(name)
    except WhetError as error:
        raise _of_name(door, name, error) from None
    for key, value in tags.items():
        door.registry.tag(name, None, key, value)
    if text:
        door.registry.describe(name, None, text)
    return {"registered_model": model_entry(door, model_of(door, name))}


@router.get("/get")
def get(asked: Asking, door: TheDoor) -> dict[str, Any]:
    """A model with its newest versions."""
    return {"registered_model": model_entry(door, model_of(door, asked.text("name")))}


@router.post("/rename")
def rename(asked: Asking, door: TheDoor) -> dict[str, Any]:
    """Another name."""
    name, new = model_of(door, asked.text("name")).name, asked.text("new_name")
    try:
        door.registry.rename(name, new)
    except WhetError as error:
        raise _of_name(door, new, error) from None
    return {"registered_model": model_entry(door, model_of(door, new))}


@router.patch("/update")
def update(asked: Asking, door: TheDoor) -> dict[str, Any]:
    """Another description."""
    name = model_of(door, asked.text("name")).name
    door.registry.describe(name, None, asked.text("description", ""))
    return {"registered_model": model_entry(door, model_of(door, name))}


@router.delete("/delete")
def delete(asked: Asking, door: TheDoor) -> dict[str, Any]:
    """Remove a model with its versions; one that others are built on is refused."""
    door.remove_model(model_of(door, asked.text("name")).name)
    return {}


@router.get("/search")
@router.post("/search")
def search(asked: Asking, door: TheDoor) -> dict[str, Any]:
    """Models by a filter over names, times and tags."""
    test, clauses = parse(asked.text("filter", ""), _ATTRIBUTES), order(asked.texts("order_by"), _ATTRIBUTES)
    found = [model for model in door.registry.state().models.values() if test(values_of(_row(model)))]
    by: list[Any] = [(lambda model, e=entity, k=key: _row(model)[e].get(k), way) for entity, key, way in clauses]
    part, token = page(ordered(found, [*by, (lambda model: model.name, False)]), asked, 100, 1000)
    return {"registered_models": [model_entry(door, model) for model in part], **token}


@router.get("/get-latest-versions")
@router.post("/get-latest-versions")
def latest(asked: Asking, door: TheDoor) -> dict[str, Any]:
    """The newest version in each stage."""
    model, stages = model_of(door, asked.text("name")), [stage.lower() for stage in asked.texts("stages")]
    found = [one for one in _newest_by_stage(model) if not stages or one.stage.lower() in stages]
    return {"model_versions": [entry_of(door, model, version) for version in found]}


@router.post("/set-tag")
def set_tag(asked: Asking, door: TheDoor) -> dict[str, Any]:
    """A tag."""
    door.registry.tag(model_of(door, asked.text("name")).name, None, asked.key(), asked.value(MAX_TAG))
    return {}


@router.delete("/delete-tag")
def delete_tag(asked: Asking, door: TheDoor) -> dict[str, Any]:
    """A tag taken away, if it is there."""
    model, key = model_of(door, asked.text("name")), asked.key()
    if key in model.tags:
        door.registry.tag(model.name, None, key, None)
    return {}


@router.post("/alias")
def set_alias(asked: Asking, door: TheDoor) -> dict[str, Any]:
    """Let an alias mean a version."""
    model, version = version_of(door, asked)
    door.registry.alias(model.name, asked.text("alias"), version.number)
    return {}


@router.delete("/alias")
def delete_alias(asked: Asking, door: TheDoor) -> dict[str, Any]:
    """An alias taken away, if it is there."""
    model, alias = model_of(door, asked.text("name")), asked.text("alias")
    if alias in model.aliases:
        door.registry.alias(model.name, alias, None)
    return {}


@router.get("/alias")
def get_by_alias(asked: Asking, door: TheDoor) -> dict[str, Any]:
    """The version that an alias means."""
    model, alias = model_of(door, asked.text("name")), asked.text("alias")
    if alias not in model.aliases:
        raise invalid(f"Registered model alias {alias} not found.")  # as MLflow has it
    return {"model_version": entry_of(door, model, model.versions[model.aliases[alias]])}


def model_of(door: Door, name: str) -> Model:
    """The model of that name. Raises Refusal where there is none."""
    found = door.registry.state().named(name)
    if found is None:
        raise missing(f"Registered Model with name={name} not found")
    return found


def model_entry(door: Door, model: Model) -> dict[str, Any]:
    """As `RegisteredModel`."""
    return {
        "name": model.name, "creation_timestamp": int(model.created * 1000),
        "last_updated_timestamp": int(model.updated * 1000), "description": model.description,
        "latest_versions": [entry_of(door, model, version) for version in _newest_by_stage(model)],
        "tags": pairs(model.tags),
        "aliases": [{"alias": alias, "version": str(number)} for alias, number in sorted(model.aliases.items())],
    }  # fmt: skip


def _newest_by_stage(model: Model) -> list[Version]:
    found: dict[str, Version] = {}
    for number in sorted(model.versions):
        found[model.versions[number].stage] = model.versions[number]
    return list(found.values())


def _row(model: Model) -> dict[str, Any]:
    times = {"creation_timestamp": model.created * 1000, "last_updated_timestamp": model.updated * 1000}
    return {"attribute": {"name": model.name, **times}, "tag": {TAG_OF_PROMPTS: "false", **model.tags}}


def _of_name(door: Door, name: str, error: WhetError) -> Exception:
    """What a name that cannot be had comes to."""
    if door.registry.state().named(name) is not None:
        return Refusal("RESOURCE_ALREADY_EXISTS", f"Registered Model (name={name}) already exists.")
    return invalid(error.message)
