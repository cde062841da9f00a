"""Routes of runs: create, get, update, search, delete, restore, metrics, params, tags, inputs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter

from whet.server.access.person import asking
from whet.server.answers.values import Answer
from whet.server.errors import Refusal, invalid, missing
from whet.server.mlflow.door import Door, Written, now_ms
from whet.server.mlflow.experiments import found_of, view_type
from whet.server.mlflow.forms import text_of
from whet.server.mlflow.logged import Measure
from whet.server.mlflow.pages import ordered, page
from whet.server.mlflow.requests import MAX_PARAM, MAX_TAG, Asked, Asking, TheDoor
from whet.server.mlflow.search import order, parse, values_of
from whet.server.mlflow.views import View, history_of
from whet.track.edits.edit import Edit
from whet.track.edits.journal import edit
from whet.track.imports.mlflow import param_of

router = APIRouter(prefix="/2.0/mlflow", tags=["mlflow"])

_STATUSES = ("RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED")
_ATTRIBUTES = ("run_id", "run_name", "status", "artifact_uri", "user_id", "start_time", "end_time", "lifecycle_stage")
# Tags that are fields of a run.
_NAME, _NOTE = "mlflow.runName", "mlflow.note.content"
# Points that one request may bring, and those that one answer may hold.
_BATCH, _HISTORY = 1000, 25_000


@router.post("/runs/create", response_class=Answer)
def create(asked: Asking, door: TheDoor) -> Answer:
    """A new run."""
    experiment = found_of(door, asked.text("experiment_id", "0"))
    if experiment.is_deleted:
        raise Refusal("INVALID_STATE", f"The experiment {experiment.experiment_id} must be in the 'active' state.")
    door.served.check_project(experiment.project)
    tags = {one.key(): one.value(MAX_TAG) for one in asked.listed("tags")}
    start = asked.whole("start_time", 0) or now_ms()
    name = asked.optional("run_name") or tags.get(_NAME) or f"run-{start}"
    own = {
        "experiment": experiment.experiment_id, "status": "RUNNING", "start": start,
        "user": asked.optional("user_id") or tags.get("mlflow.user") or "",
    }  # fmt: skip
    labels = {key: value for key, value in tags.items() if key != _NAME}
    return Answer({"run": door.create(name, experiment, own, labels).entry()})


@router.get("/runs/get", response_class=Answer)
def get(asked: Asking, door: TheDoor) -> Answer:
    """A run with its params, tags and newest metrics."""
    view = door.view(asked.run_id())
    return Answer({"run": view.entry(_is_gone(door, view))})


@router.post("/runs/update", response_class=Answer)
def update(asked: Asking, door: TheDoor) -> Answer:
    """Another status, end or name."""
    run_id, status, name = asked.run_id(), asked.optional("status"), asked.optional("run_name")
    if status is not None and status not in _STATUSES:
        raise invalid(f"Invalid run status '{status[:50]}'")
    with door.writing(run_id) as run:
        if status:
            is_over = status not in ("RUNNING", "SCHEDULED")
            end = (asked.whole("end_time", 0) or now_ms()) if is_over else None
            run.say({"status": status, "end": end})
            run.status = status
        if name:
            run.say({}, name=name)
    view = door.view(run_id)
    return Answer({"run_info": view.info()})


@router.post("/runs/delete")
def delete(asked: Asking, door: TheDoor) -> dict[str, Any]:
    """Marked as deleted; nothing is removed."""
    with door.writing(asked.run_id(), may_be_deleted=True) as run:
        run.say({"deleted": True})
        run.is_deleted = True
    return {}


@router.post("/runs/restore")
def restore(asked: Asking, door: TheDoor) -> dict[str, Any]:
    """No longer marked as deleted."""
    with door.writing(asked.run_id(), may_be_deleted=True) as run:
        run.say({"deleted": False})
        run.is_deleted = False
    return {}


@router.post("/runs/search", response_class=Answer)
def search(asked: Asking, door: TheDoor) -> Answer:
    """Runs of experiments by a filter, in an order, page by page."""
    wanted, kinds = asked.texts("experiment_ids"), view_type(asked, "run_view_type")
    test, clauses = parse(asked.text("filter", ""), _ATTRIBUTES), order(asked.texts("order_by"), _ATTRIBUTES)
    gone = {one.experiment_id for one in door.experiments.all(()).values() if one.is_deleted}
    views = [view for view in door.all() if view.experiment in wanted]
    found = [(view, _row(view, view.experiment in gone)) for view in views]
    found = [pair for pair in found if (pair[0].is_deleted or pair[0].experiment in gone) in kinds]
    found = [pair for pair in found if test(values_of(pair[1]))]
    by: list[Any] = [(lambda pair, e=entity, k=key: _key(pair[1], e, k), way) for entity, key, way in clauses]
    by += [(lambda pair: pair[0].start_ms, True), (lambda pair: pair[0].run_id, False)]
    part, token = page(ordered(found, by), asked, 1000, 50_000)
    return Answer({"runs": [view.entry(view.experiment in gone) for view, _ in part], **token})


@router.post("/runs/log-metric")
def log_metric(asked: Asking, door: TheDoor) -> dict[str, Any]:
    """One point."""
    point, measures = _point(asked), _measures([asked], asked.run_id())
    with door.writing(asked.run_id()) as run:
        _log([point], run)
    door.measure(measures)
    return {}


@router.post("/runs/log-parameter")
def log_param(asked: Asking, door: TheDoor) -> dict[str, Any]:
    """One param, which no later one may change."""
    params = {asked.key(): asked.value(MAX_PARAM)}
    with door.writing(asked.run_id()) as run:
        _params(run, params)
    return {}


@router.post("/runs/set-tag")
def set_tag(asked: Asking, door: TheDoor) -> dict[str, Any]:
    """One tag; of a run that was not made here, among what people say of it (`whet.track.edits`)."""
    tags = {asked.key(): asked.value(MAX_TAG)}
    if not door.is_ours(asked.run_id()):
        _edit(door, asked.run_id(), tags)
        return {}
    with door.writing(asked.run_id()) as run:
        _tags(run, tags)
    return {}


@router.post("/runs/delete-tag")
def delete_tag(asked: Asking, door: TheDoor) -> dict[str, Any]:
    """A tag taken away."""
    key = asked.key()
    if not door.is_ours(asked.run_id()):
        if key not in door.view(asked.run_id()).tags:
            raise missing(f"No tag with name: {key} in run with id {asked.run_id()}")
        _edit(door, asked.run_id(), {key: None})
        return {}
    with door.writing(asked.run_id()) as run:
        if key not in run.labels:
            raise missing(f"No tag with name: {key} in run with id {asked.run_id()}")
        del run.labels[key]
        run.event("labels", {"values": {key: None}})
    return {}


@router.post("/runs/log-batch")
def log_batch(asked: Asking, door: TheDoor) -> dict[str, Any]:
    """Metrics, params and tags of one run, all checked before the first is written."""
    metrics, params, tags = asked.listed("metrics"), asked.listed("params"), asked.listed("tags")
    if len(metrics) > _BATCH or len(params) > 100 or len(tags) > 100 or len(metrics + params + tags) > _BATCH:
        raise invalid(f"A batch has at most {_BATCH} metrics, 100 params and 100 tags, {_BATCH} in all")
    points, measures = [_point(one) for one in metrics], _measures(metrics, asked.run_id())
    found_params = {one.key(): one.value(MAX_PARAM) for one in params}
    if len(found_params) < len({(one.key(), one.value(MAX_PARAM)) for one in params}):
        raise invalid("Duplicate parameter keys have been submitted with different values")
    found_tags = {one.key(): one.value(MAX_TAG) for one in tags}
    with door.writing(asked.run_id()) as run:
        _params(run, found_params)
        _log(points, run)
        _tags(run, found_tags)
    door.measure(measures)
    return {}


@router.post("/runs/log-inputs")
def log_inputs(asked: Asking, door: TheDoor) -> dict[str, Any]:
    """Data sets and logged models that a run was given."""
    datasets = [one.fields for one in asked.listed("datasets")]
    models = [{"model_id": one.text("model_id")} for one in asked.listed("models")]
    for model in models:
        door.model_seen(model["model_id"])
    for one in asked.listed("datasets"):
        one.listed("tags")
        about = one.object("dataset")
        about.text("name"), about.text("digest")
    with door.writing(asked.run_id()) as run:
        run.event("inputs", {"datasets": datasets, **({"models": models} if models else {})})
    return {}


@router.post("/runs/log-model")
def log_model(asked: Asking, door: TheDoor) -> dict[str, Any]:
    """That a model was logged among the artifacts: a line in a tag, as MLflow keeps it."""
    try:
        model = json.loads(asked.text("model_json"))
    except (ValueError, RecursionError):
        raise invalid("Malformed model info. The given `model_json` is no JSON") from None
    tag = "mlflow.log-model.history"
    with door.writing(asked.run_id()) as run:
        _tags(run, {tag: json.dumps([*_models(run.labels.get(tag)), model])})
    return {}


@router.post("/runs/outputs")
def log_outputs(asked: Asking, door: TheDoor) -> dict[str, Any]:
    """Logged models that a run has made."""
    models = [{"model_id": one.text("model_id"), "step": one.whole("step", 0)} for one in asked.listed("models")]
    for one in models:
        door.model_seen(str(one["model_id"]))
    with door.writing(asked.run_id()) as run:
        run.event("outputs", {"models": models})
    return {}


@router.get("/metrics/get-history", response_class=Answer)
def get_history(asked: Asking, door: TheDoor) -> Answer:
    """Every point of a metric."""
    key = asked.text("metric_key")
    folder = door.served.folder(asked.run_id())
    with door.served.history(folder) as logs:
        found = history_of(key, logs)
    part, token = page(found, asked, max(len(found), 1), max(_HISTORY, len(found)))
    return Answer({"metrics": [metric.entry() for metric in part], **token})


@router.get("/metrics/get-history-bulk-interval", response_class=Answer)
def get_histories(asked: Asking, door: TheDoor) -> Answer:
    """A metric of several runs between two steps, at most `max_results` points a run, first and last among them."""
    key, most = asked.text("metric_key"), max(2, asked.whole("max_results", 2500))
    first, last = asked.whole("start_step", -(1 << 63)), asked.whole("end_step", (1 << 63) - 1)
    found = []
    for run_id in asked.texts("run_ids"):
        with door.served.history(door.served.folder(run_id)) as logs:
            points = [metric for metric in history_of(key, logs) if first <= metric.step <= last]
        every = -(-len(points) // most) or 1
        shown = points[::every] + (points[-1:] if points and (len(points) - 1) % every else [])
        found += [{**metric.entry(), "run_id": run_id} for metric in shown]
    return Answer({"metrics": found})


def _models(told: Any) -> list[Any]:
    """The models that a tag tells of, which anybody may have set to something else."""
    try:
        found = json.loads(told or "[]")
    except (ValueError, TypeError, RecursionError):
        found = None
    return found if isinstance(found, list) else []


def _point(asked: Asked) -> tuple[str, float, int, int]:
    """Key, value, time and step of a point."""
    return asked.key(), asked.number("value"), asked.whole("timestamp"), asked.whole("step", 0)


def _measures(points: Sequence[Asked], run_id: str) -> dict[str, list[Measure]]:
    """The points that are of logged models, by the ids of these."""
    found: dict[str, list[Measure]] = {}
    for one in points:
        if one.optional("model_id"):
            data = (one.text("dataset_name", ""), one.text("dataset_digest", ""))
            found.setdefault(one.text("model_id"), []).append(Measure(*_point(one), *data, run_id))
    return found


def _log(points: Sequence[tuple[str, float, int, int]], run: Written) -> None:
    """Write points; those of one time and step go together, unless a key comes again."""
    together: dict[str, float] = {}
    at = (0, 0)
    for key, value, moment, step in points:
        if together and ((moment, step) != at or key in together):
            run.scalars(*at, together)
            together = {}
        at = moment, step
        together[key] = value
    if together:
        run.scalars(*at, together)


def _params(run: Written, params: dict[str, str]) -> None:
    for key, value in params.items():
        known = run.params.get(key)
        if key in run.params and text_of(known) != value:
            raise invalid(
                f"Changing param values is not allowed. Param with key='{key}' was already logged with "
                f"value='{text_of(known)}'. Attempted logging new value '{value}'."
            )
    fresh = {key: param_of(value) for key, value in params.items() if key not in run.params}
    if fresh:
        run.event("config", {"values": fresh})
        run.params.update(fresh)


def _tags(run: Written, tags: dict[str, str]) -> None:
    about = {field: tags[tag] for tag, field in ((_NAME, "name"), (_NOTE, "notes")) if tag in tags}
    if about:
        run.say({}, **about)
    labels = {key: value for key, value in tags.items() if key != _NAME}
    if labels:
        run.event("labels", {"values": labels})
        run.labels.update(labels)


def _edit(door: Door, run_id: str, tags: Mapping[str, str | None]) -> None:
    """Tags of a run that another process writes or has written. Its name is its folder's."""
    if _NAME in tags:
        raise Refusal("RESOURCE_CONFLICT", f"the run `{run_id}` is written by whet itself: its name stays")
    notes = (tags[_NOTE] or "") if _NOTE in tags else None
    labels = {key: value for key, value in tags.items() if key != _NOTE}
    edit(door.served.folder(run_id), Edit(labels=labels, notes=notes, by=asking().person.name))


def _is_gone(door: Door, view: View) -> bool:
    """Whether a run is deleted with its experiment."""
    found = door.experiments.all(()).get(view.experiment)
    return found is not None and found.is_deleted


def _row(view: View, is_gone: bool) -> dict[str, Any]:
    """What a filter may ask of a run."""
    info = view.info(is_gone)
    datasets = [about for one in view.inputs if isinstance(about := one.get("dataset"), Mapping)]
    contexts = [tag.get("value") for one in view.inputs for tag in _objects(one.get("tags"))]
    return {
        "attribute": info, "tag": view.tags, "param": {key: text_of(value) for key, value in view.params.items()},
        "metric": {key: metric.value for key, metric in view.metrics.items()},
        "dataset": {
            "name": [one.get("name") for one in datasets], "digest": [one.get("digest") for one in datasets],
            "context": contexts,
        },
    }  # fmt: skip


def _objects(value: Any) -> list[Mapping[str, Any]]:
    """The objects of a list: logs that were pushed may hold anything, and must not end a search of all runs."""
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _key(row: dict[str, Any], entity: str, key: str) -> Any:
    """What runs are ordered by; NaN stands behind numbers like what is missing."""
    value = row[entity].get(key)
    return None if value != value else value
