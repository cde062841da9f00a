"""What can be talked to: models and adapters of runs, their exports, and versions of the registry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from whet.base.errors import WhetError
from whet.server.access.person import EVERY, asking
from whet.server.errors import Refusal, missing
from whet.server.playground.engines import Engine
from whet.server.served import Served
from whet.track.recorded.belongings import models
from whet.track.registry.names import PREFIX, is_reference
from whet.track.registry.registry import Registry, exact

Kind = Literal["run", "export", "version"]


@dataclass(frozen=True, slots=True)
class Choice:
    """A model by the name that commands know it by, which means the same for ever for a version.

    `aliases` are those of a version now; `made` is Unix time.
    """

    model: str
    kind: Kind
    is_adapter: bool
    made: float
    run: str = ""
    aliases: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def choices(served: Served, registry: Registry, q: str, limit: int) -> tuple[list[Choice], int]:
    """Those that whoever asks may see and whose names hold the words of `q`, the newest first; and their number."""
    wanted = q.lower().split()
    every = [*_versions(registry), *_of_runs(served)]
    found = [one for one in every if all(word in _searched(one) for word in wanted)]
    found.sort(key=lambda one: -one.made)
    return found[:limit], len(found)


def chosen(served: Served, given: str) -> str:
    """The exact name of what somebody asks for. Raises Refusal for what is none, and for what they may not use."""
    if is_reference(given):
        served.check_project(EVERY)
        try:
            return exact(given, served.root)
        except WhetError as error:
            raise missing(error.message) from None
    run, _, place = given.partition("/")
    folder = served.made_here(run)
    model = next((one for one in models(folder) if one.path == (place or "model")), None)
    if model is None or not _is_model(folder / model.path):
        hint = f"whet train {run}" if not place else f"whet runs show {run}"
        raise Refusal("RESOURCE_DOES_NOT_EXIST", f"`{given[:200]}` holds no model that can answer", hint=hint)
    return given


def check(served: Served, engine: Engine) -> None:
    """Raises Refusal where whoever asks may not do with a model what they ask for. One of another server is for those
    who may do it in all projects."""
    if not engine.is_ours or is_reference(engine.model):
        served.check_project(EVERY)
    else:
        served.folder(engine.model.partition("/")[0])


def may_see(served: Served, engine: Engine) -> bool:
    """Whether whoever asks may know of a model that is served."""
    try:
        check(served, engine)
    except Refusal:
        return False
    return True


def _of_runs(served: Served) -> Iterator[Choice]:
    for run, _ in served.listed():
        if served.owners.is_pushed(run.name):
            continue
        for one in models(run.folder):
            place = run.folder / one.path
            if _is_model(place):
                is_own = one.path == "model"
                name = run.name if is_own else f"{run.name}/{one.path}"
                yield Choice(name, "run" if is_own else "export", _is_adapter(place), one.time, run.name)


def _versions(registry: Registry) -> Iterator[Choice]:
    if not asking().may_see(EVERY):
        return
    for model, version in registry.state().all_versions():
        if _is_model(registry.files(version)):
            name = f"{PREFIX}{registry.name_of(version)}"
            aliases = tuple(model.aliases_of(version.number))
            is_adapter = _is_adapter(registry.files(version))
            run = (version.about.get("run") or {}).get("name") or ""
            yield Choice(name, "version", is_adapter, version.created, str(run), aliases)


def _is_model(folder: Path) -> bool:
    """As `whet.models.loading.find` knows one, without its imports."""
    return (folder / "config.json").is_file() or _is_adapter(folder)


def _is_adapter(folder: Path) -> bool:
    return (folder / "adapter_config.json").is_file()


def _searched(one: Choice) -> str:
    return " ".join((one.model, one.run, *(f"@{alias}" for alias in one.aliases))).lower()
