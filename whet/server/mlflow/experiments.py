"""Routes of experiments: create, get, search, update, delete, restore, tags."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from whet.server.errors import invalid, missing
from whet.server.mlflow.door import Door
from whet.server.mlflow.experiment_journal import Experiment
from whet.server.mlflow.pages import ordered, page
from whet.server.mlflow.requests import MAX_TAG, Asked, Asking, TheDoor
from whet.server.mlflow.search import order, parse, values_of

router = APIRouter(prefix="/2.0/mlflow/experiments", tags=["mlflow"])

_ATTRIBUTES = ("name", "experiment_id", "creation_time", "last_update_time")
_KINDS = {"": (False,), "ACTIVE_ONLY": (False,), "DELETED_ONLY": (True,), "ALL": (False, True)}


@router.post("/create")
def create(asked: Asking, door: TheDoor) -> dict[str, Any]:
    """A new experiment."""
    name = asked.text("name")
    if len(name) > 500 or not name.isprintable():
        raise invalid("Invalid experiment name: at most 500 printable letters")
    tags = {one.key(): one.value(MAX_TAG) for one in asked.listed("tags")}
    door.served.check_project(name)
    return {"experiment_id": door.experiments.create(name, tags, door.projects())}


@router.get("/get")
def get(asked: Asking, door: TheDoor) -> dict[str, Any]:
    """An experiment by its id."""
    return {"experiment": found_of(door, asked.text("experiment_id")).entry()}


@router.get("/get-by-name")
def get_by_name(asked: Asking, door: TheDoor) -> dict[str, Any]:
    """An experiment by its name."""
    name = asked.text("experiment_name")
    for one in door.seen().values():
        if one.name == name:
            return {"experiment": one.entry()}
    raise missing(f"Could not find experiment with name '{name}'")


@router.get("/search")
@router.post("/search")
def search(asked: Asking, door: TheDoor) -> dict[str, Any]:
    """Experiments by a filter over names, times and tags."""
    test, clauses = parse(asked.text("filter", ""), _ATTRIBUTES), order(asked.texts("order_by"), _ATTRIBUTES)
    kinds = view_type(asked, "view_type")
    every = door.seen().values()
    found = [one for one in every if one.is_deleted in kinds and test(values_of(_row(one)))]
    by: list[Any] = [(lambda one, e=entity, k=key: _row(one)[e].get(k), way) for entity, key, way in clauses]
    by += [(lambda one: one.updated_ms, True), (lambda one: int(one.experiment_id), True)]
    part, token = page(ordered(found, by), asked, 1000, 50_000)
    return {"experiments": [one.entry() for one in part], **token}


@router.post("/update")
def update(asked: Asking, door: TheDoor) -> dict[str, Any]:
    """Another name."""
    changes = {"name": asked.text("new_name")} if asked.optional("new_name") else {}
    door.change(asked.text("experiment_id"), **changes)
    return {}


@router.post("/delete")
def delete(asked: Asking, door: TheDoor) -> dict[str, Any]:
    """Marked as deleted, its runs with it; nothing is removed."""
    door.change(asked.text("experiment_id"), deleted=True)
    return {}


@router.post("/restore")
def restore(asked: Asking, door: TheDoor) -> dict[str, Any]:
    """No longer marked as deleted."""
    door.change(asked.text("experiment_id"), deleted=False)
    return {}


@router.post("/set-experiment-tag")
def set_tag(asked: Asking, door: TheDoor) -> dict[str, Any]:
    """A tag of an experiment."""
    tags = {asked.key(): asked.value(MAX_TAG)}
    door.change(asked.text("experiment_id"), tags=tags)
    return {}


@router.post("/delete-experiment-tag")
def delete_tag(asked: Asking, door: TheDoor) -> dict[str, Any]:
    """A tag taken away."""
    id, key = asked.text("experiment_id"), asked.key()
    if key not in found_of(door, id).tags:
        raise missing(f"No tag with name: {key} in experiment with id {id}")
    door.change(id, tags={key: None})
    return {}


def found_of(door: Door, id: str) -> Experiment:
    """The experiment of an id. Raises Refusal where there is none."""
    found = door.seen().get(id)
    if found is None:
        raise missing(f"No Experiment with id={id} exists")
    return found


def view_type(asked: Asked, name: str) -> tuple[bool, ...]:
    """Which of active (False) and deleted (True) are asked for."""
    given = asked.text(name, "")
    if given not in _KINDS:
        raise invalid(f"Invalid {name} '{given[:50]}'")
    return _KINDS[given]


def _row(one: Experiment) -> dict[str, Any]:
    times = {"creation_time": one.created_ms, "last_update_time": one.updated_ms}
    return {"attribute": {"name": one.name, "experiment_id": one.experiment_id, **times}, "tag": one.tags}
