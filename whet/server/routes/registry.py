"""The registry: models and versions by a filter, aliases, promotion, tags, history, what a version consists of."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from whet.base.errors import RunError
from whet.server.answers import registry as answers
from whet.server.answers.values import Answer
from whet.server.errors import Refusal, invalid, missing
from whet.server.files import inside
from whet.server.served import Runs
from whet.track.reading.query import parse
from whet.track.registry.adding import add as add_version
from whet.track.registry.comparing import comparison
from whet.track.registry.described import KINDS, candidate, check_model
from whet.track.registry.names import Reference
from whet.track.registry.pages import told_of
from whet.track.registry.promoting import promote
from whet.track.registry.referring import referring, remove
from whet.track.registry.registry import Registry
from whet.track.registry.rows import check_names, row_of
from whet.track.registry.state import Model, Version
from whet.track.registry.verifying import damage

router = APIRouter(prefix="/api/v1/registry", tags=["registry"])


def _registry(request: Request) -> Registry:
    return request.app.state.door.registry


TheRegistry = Annotated[Registry, Depends(_registry)]
Limit = Annotated[int, Query(ge=1, le=10_000)]
Offset = Annotated[int, Query(ge=0)]
Number = Annotated[int, Query(ge=1)]


@router.get("/models", response_class=Answer, response_model=answers.VersionList)
def models(
    registry: TheRegistry, filter: str = "", versions: bool = False, limit: Limit = 1000, offset: Offset = 0
) -> Answer:
    """The newest version of each model, or with `versions` all of them, that a filter takes; by name, newest first."""
    query, every = parse(filter), sorted(registry.state().models.values(), key=lambda model: model.name)
    rows = [row for model in every for row in _rows(model)[: None if versions else 1]]
    check_names(query, rows)
    found = [row for row in rows if query.takes(row)]
    names = sorted({name for row in rows for name in row})
    return Answer({"versions": found[offset : offset + limit], "total": len(found), "names": names})


@router.get("/models/{name}", response_class=Answer, response_model=answers.RegisteredModel)
def model(registry: TheRegistry, name: str) -> Answer:
    """A model with its aliases, tags and versions."""
    found = _model(registry, name)
    about = {"name": found.name, "description": found.description, "tags": found.tags, "aliases": found.aliases}
    about["policies"] = found.policies
    return Answer({**about, "created": found.created, "updated": found.updated, "versions": _rows(found)})


@router.patch("/models/{name}", response_class=Answer, response_model=answers.RegisteredModel)
def patch(registry: TheRegistry, name: str, asked: answers.ModelPatch) -> Answer:
    """Set the description and tags of a model."""
    _patch(registry, _model(registry, name), None, asked)
    return model(registry, name)


@router.get("/models/{name}/history", response_class=Answer, response_model=answers.ModelHistory)
def history(registry: TheRegistry, name: str, limit: Limit = 100, offset: Offset = 0) -> Answer:
    """What was done to a model, the latest first: versions, aliases with what was required, tags."""
    changes = registry.history(_model(registry, name).name)[::-1]
    shown = [_change(change) for change in changes[offset : offset + limit]]
    return Answer({"changes": shown, "total": len(changes)})


@router.post("/models/{name}/versions", response_class=Answer, response_model=answers.VersionPage)
def add(registry: TheRegistry, served: Runs, name: str, asked: answers.NewVersion) -> Answer:
    """Add the model of a run as a new version; its files are linked."""
    run = served.folder(asked.run)
    folder = inside(run, asked.folder or "model")
    if not folder.is_dir():
        raise missing(f"the run `{asked.run}` has no folder `{asked.folder or 'model'}`")
    kind = next((one for one in KINDS if one == asked.kind), None)
    if asked.kind is not None and kind is None:
        raise invalid(f"`{asked.kind[:40]}` is no kind: one of {', '.join(KINDS)}")
    found = candidate(folder, run, kind=kind, base=asked.base, licence=asked.licence, with_links=False)
    check_model(found, folder)
    made = found.contents, found.about, found.evaluations, found.package
    version = add_version(registry, name, *made, asked.alias).version
    if asked.description is not None:
        registry.describe(name, version.number, asked.description)
    return one(registry, served, name, version.number)


@router.get("/models/{name}/versions/{number}", response_class=Answer, response_model=answers.VersionPage)
def one(registry: TheRegistry, served: Runs, name: str, number: int) -> Answer:
    """A version in full."""
    found, version = _version(registry, name, number)
    contents = registry.manifest(version)["contents"]
    files = [{"path": path, **told} for path, told in sorted(contents.items())]
    about = {key: value for key, value in version.about.items() if key not in ("evaluations", "source")}
    return Answer({
        "row": _row(found, version), "manifest": version.manifest, "about": about, "files": files,
        "evaluations": version.evaluations, "referring": referring(registry, version, served.root),
    })  # fmt: skip


@router.get("/models/{name}/compare", response_class=Answer, response_model=answers.VersionComparison)
def compare(registry: TheRegistry, name: str, first: Number, second: Number) -> Answer:
    """What differs between two versions of a model, and by how much their figures do."""
    for number in (first, second):
        _version(registry, name, number)
    return Answer(comparison(registry, str(Reference(name, first, None)), str(Reference(name, second, None))).to_dict())


@router.patch("/models/{name}/versions/{number}", response_class=Answer, response_model=answers.VersionPage)
def patch_version(registry: TheRegistry, served: Runs, name: str, number: int, asked: answers.ModelPatch) -> Answer:
    """Set the description and tags of a version; what it consists of never changes."""
    _patch(registry, *_version(registry, name, number), asked)
    return one(registry, served, name, number)


@router.post("/models/{name}/versions/{number}/verify", response_class=Answer, response_model=answers.Verified)
def verify(registry: TheRegistry, name: str, number: int) -> Answer:
    """Read every file of a version, and compare it with the manifest."""
    return Answer({"damage": damage(registry, _version(registry, name, number)[1])})


@router.delete("/models/{name}/versions/{number}", response_class=Answer, response_model=answers.VersionRemoved)
def delete(registry: TheRegistry, served: Runs, name: str, number: int, force: bool = False) -> Answer:
    """Remove a version; one that is referred to only with `force`."""
    _version(registry, name, number)
    try:
        done = remove(registry, name, number, served.root, force=force)
    except RunError as error:
        raise Refusal("RESOURCE_CONFLICT", error.message, hint="force=true") from None
    told = {"name": done.name, "bytes": done.num_bytes, "freed_bytes": done.freed_bytes}
    return Answer({**told, "referring": list(done.referring)})


@router.put("/models/{name}/aliases/{alias}", response_class=Answer, response_model=answers.RegisteredModel)
def set_alias(registry: TheRegistry, name: str, alias: str, asked: answers.AliasSet) -> Answer:
    """Let an alias mean a version; nothing is required, unless the alias has a policy: that is promoted to."""
    _version(registry, name, asked.version)
    try:
        registry.alias(name, alias, asked.version, past_policy=asked.past_policy)
    except RunError as error:
        raise Refusal("RESOURCE_CONFLICT", error.message, hint="past_policy=true, or a promotion") from None
    return model(registry, name)


@router.put("/models/{name}/policies/{alias}", response_class=Answer, response_model=answers.RegisteredModel)
def set_policy(registry: TheRegistry, name: str, alias: str, asked: answers.PolicySet) -> Answer:
    """What every promotion to an alias requires; null for nothing of itself."""
    parse(asked.require or "")
    if asked.require is None and alias not in _model(registry, name).policies:
        raise missing(f"@{alias} of `{name}` has no policy")
    registry.policy(_model(registry, name).name, alias, asked.require)
    return model(registry, name)


@router.delete("/models/{name}/aliases/{alias}", response_class=Answer, response_model=answers.RegisteredModel)
def delete_alias(registry: TheRegistry, name: str, alias: str) -> Answer:
    """Take an alias away."""
    if alias not in _model(registry, name).aliases:
        raise missing(f"`{name}` has no alias `{alias}`")
    registry.alias(name, alias, None)
    return model(registry, name)


@router.post("/models/{name}/promotions", response_class=Answer, response_model=answers.Promoted)
def promotion(registry: TheRegistry, name: str, asked: answers.Promotion) -> Answer:
    """Let an alias mean a version whose evaluations hold what is required; a refusal says which figure missed."""
    number = asked.version if isinstance(asked.version, int) else None
    alias = asked.version if isinstance(asked.version, str) else None
    _model(registry, name)
    try:
        done = promote(
            registry, str(Reference(name, number, alias)), asked.to, asked.require,
            keep=asked.keep, past_policy=asked.past_policy,
        )  # fmt: skip
    except RunError as error:
        raise Refusal("RESOURCE_CONFLICT", error.message, hint=error.hint) from None
    return Answer(done.to_dict())


def _model(registry: Registry, name: str) -> Model:
    found = registry.state().named(name)
    if found is None:
        raise missing(f"the registry has no model `{name[:80]}`")
    return found


def _version(registry: Registry, name: str, number: int) -> tuple[Model, Version]:
    found = _model(registry, name)
    if number not in found.versions:
        raise missing(f"the registry has no version {number} of `{name[:80]}`")
    return found, found.versions[number]


def _rows(model: Model) -> list[dict[str, Any]]:
    """The versions of a model, the newest first."""
    return [_row(model, model.versions[number]) for number in sorted(model.versions, reverse=True)]


def _row(model: Model, version: Version) -> dict[str, Any]:
    """A version without where on the server's disk it came from."""
    row = row_of(model, version)
    return {**row, "source": _told(row["source"])}


def _told(source: str | None) -> str | None:
    """Of a folder only the last two names: the run's and its own."""
    return "/".join(source.rsplit("/", 2)[-2:]) if source and source.startswith("/") else source


def _patch(registry: Registry, found: Model, version: Version | None, asked: answers.ModelPatch) -> None:
    number, tags = (version.number, version.tags) if version else (None, found.tags)
    for key, value in asked.tags.items():
        if value is not None or key in tags:
            registry.tag(found.name, number, key, value)
    if asked.description is not None:
        registry.describe(found.name, number, asked.description)


def _change(change: Any) -> dict[str, Any]:
    known = ("op", "time", "by", "version", "model")
    return {
        "op": str(change.get("op")), "time": change.get("time") or 0.0, "by": str(change.get("by") or ""),
        "version": change.get("version"), "text": told_of(change, with_origin=False),
        "details": {key: value for key, value in change.items() if key not in known and key != "about"},
    }  # fmt: skip
