"""Routes of logged models (MLflow 3): create, get, finalize, search, params, tags, delete, their artifacts."""

from __future__ import annotations

import secrets
from typing import Any

from fastapi import APIRouter

from whet.server.answers.values import Answer
from whet.server.errors import Refusal, invalid, missing
from whet.server.mlflow.artifacts import entries
from whet.server.mlflow.experiments import found_of
from whet.server.mlflow.logged import STATUSES, LoggedModel
from whet.server.mlflow.pages import ordered, page
from whet.server.mlflow.requests import MAX_PARAM, MAX_TAG, Asked, Asking, TheDoor
from whet.server.mlflow.search import parse, parts_of, values_of

router = APIRouter(prefix="/2.0/mlflow/logged-models", tags=["mlflow"])

_ATTRIBUTES = (
    "name", "model_id", "model_type", "status", "source_run_id", "experiment_id", "creation_timestamp",
    "last_updated_timestamp", "creation_time", "artifact_uri",
)  # fmt: skip


@router.post("", response_class=Answer)
def create(asked: Asking, door: TheDoor) -> Answer:
    """A new model, whose files are still to come."""
    experiment = found_of(door, asked.text("experiment_id", "0"))
    door.served.check_project(experiment.project)
    if experiment.is_deleted:
        raise Refusal("INVALID_STATE", f"The experiment {experiment.experiment_id} must be in the 'active' state.")
    run = asked.text("source_run_id", "")
    if run:
        door.served.folder(run)
    id = f"m-{secrets.token_hex(16)}"
    name = asked.optional("name") or f"model-{id[2:10]}"
    if any(letter in name for letter in "/:.%\"'") or len(name) > 500 or not name.isprintable():
        raise invalid(f"Invalid model name ({ascii(name)[:80]}) provided. Model name must be a non-empty string and "
                      "cannot contain the following characters: /, :, ., %, \", '")  # fmt: skip
    door.logged.tell(
        "create", id, experiment=experiment.experiment_id, name=name, type=asked.text("model_type", ""), run=run,
        params=_params(asked), tags=_tags(asked),
    )  # fmt: skip
    return Answer({"model": door.logged.get(id).entry()})


@router.post("/search", response_class=Answer)
def search(asked: Asking, door: TheDoor) -> Answer:
    """Models of experiments by a filter over attributes, params, tags and the newest metrics (on data sets)."""
    wanted, test = set(asked.texts("experiment_ids")), parse(asked.text("filter", ""), _ATTRIBUTES)
    datasets = [(one.text("dataset_name"), one.text("dataset_digest", "")) for one in asked.listed("datasets")]
    seen = set(door.seen())
    models = [one for one in door.logged.all() if not one.is_deleted and one.experiment in wanted & seen]
    found = [one for one in models if any(test(values_of(_row(one, data))) for data in datasets or [("", "")])]
    by: list[Any] = []
    for clause in asked.listed("order_by"):
        entity, key = parts_of(clause.text("field_name"), _ATTRIBUTES)
        data = (clause.text("dataset_name", ""), clause.text("dataset_digest", ""))
        descends = clause.fields.get("ascending") is False
        by.append((lambda one, e=entity, k=key, d=data: _one(_row(one, d)[e].get(k)), descends))
    by += [(lambda one: one.created, True), (lambda one: one.id, False)]
    part, token = page(ordered(found, by), asked, 100, 1000)
    return Answer({"models": [one.entry() for one in part], **token})


@router.get("/{id}", response_class=Answer)
def get(id: str, asked: Asking, door: TheDoor) -> Answer:
    """A model with its params, tags and newest metrics."""
    is_asked = asked.text("allow_deleted", "") == "true"
    return Answer({"model": door.model_seen(id, with_deleted=is_asked).entry()})


@router.patch("/{id}", response_class=Answer)
def finalize(id: str, asked: Asking, door: TheDoor) -> Answer:
    """That its files have come, or that they have not."""
    door.model_changed(id)
    given = asked.fields.get("status")
    status = STATUSES.get(given, "") if isinstance(given, int) else str(given)
    if status not in STATUSES.values():
        raise invalid(f"Invalid model status: {ascii(given)[:50]}. Expected one of {', '.join(STATUSES.values())}.")
    door.logged.tell("status", id, status=status)
    return Answer({"model": door.logged.get(id).entry()})


@router.delete("/{id}")
def delete(id: str, door: TheDoor) -> dict[str, Any]:
    """Marked as deleted; nothing is removed."""
    door.model_changed(id)
    door.logged.tell("delete", id)
    return {}


@router.post("/{id}/params")
def log_params(id: str, asked: Asking, door: TheDoor) -> dict[str, Any]:
    """Further params."""
    door.model_changed(id)
    door.logged.tell("params", id, params=_params(asked))
    return {}


@router.patch("/{id}/tags")
def set_tags(id: str, asked: Asking, door: TheDoor) -> dict[str, Any]:
    """Tags."""
    door.model_changed(id)
    door.logged.tell("tags", id, tags=_tags(asked))
    return {}


@router.delete("/{id}/tags/{key:path}")
def delete_tag(id: str, key: str, door: TheDoor) -> dict[str, Any]:
    """A tag taken away."""
    if key not in door.model_changed(id).tags:
        raise missing(f"No tag with key {key!r} found for model with ID {id!r}.")
    door.logged.tell("tags", id, tags={key: None})
    return {}


@router.get("/{id}/artifacts/directories")
def artifacts(id: str, asked: Asking, door: TheDoor) -> dict[str, Any]:
    """What lies in a folder of a model's files."""
    model, path = door.model_seen(id), asked.text("artifact_directory_path", "")
    return {"root_uri": model.uri, "files": entries(door.logged.place(id), path)}


def _params(asked: Asked) -> dict[str, str]:
    return {one.key(): one.value(MAX_PARAM) for one in asked.listed("params")}


def _tags(asked: Asked) -> dict[str, str]:
    return {one.key(): one.value(MAX_TAG) for one in asked.listed("tags")}


def _row(model: LoggedModel, dataset: tuple[str, str]) -> dict[str, Any]:
    """What a filter may ask of a model; a metric has a value for each data set."""
    metrics: dict[str, list[float]] = {}
    for one in model.newest(dataset):
        metrics.setdefault(one.key, []).append(one.value)
    created, updated = int(model.created * 1000), int(model.updated * 1000)
    attributes = {
        "name": model.name, "model_id": model.id, "model_type": model.type, "source_run_id": model.run,
        "status": model.status.removeprefix("LOGGED_MODEL_"), "experiment_id": model.experiment,
        "creation_timestamp": created, "creation_time": created, "last_updated_timestamp": updated,
        "artifact_uri": model.uri,
    }  # fmt: skip
    return {"attribute": attributes, "param": dict(model.params), "tag": dict(model.tags), "metric": metrics}


def _one(value: Any) -> Any:
    return value[-1] if isinstance(value, list) else value
