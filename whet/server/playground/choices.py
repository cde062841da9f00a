"""What can be talked to: models and adapters of runs, their checkpoints and exports, and versions of the registry."""

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
from whet.track.recorded.belongings import KeptCheckpoint, checkpoints, models
from whet.track.recorded.checkpoint_names import CheckpointName, checkpoint_named
from whet.track.registry.names import PREFIX, is_reference
from whet.track.registry.registry import Registry, exact

Kind = Literal["run", "checkpoint", "export", "version"]
# So many of the newest checkpoints of a run are offered; any other one is asked for by its step.
OFFERED_CHECKPOINTS = 3
_MARKS = ("manifest.json", "state.json")  # one of them is in a checkpoint that is whole


@dataclass(frozen=True, slots=True)
class Choice:
    """A model by the name that commands know it by, which means the same for ever for a version.

    `aliases` are those of a version now; `made` is Unix time. Of a checkpoint it is not told whether it is an adapter.
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
    if checkpoint := checkpoint_named(given, served.root):
        return _checkpoint(served, checkpoint)
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
        checkpoint = checkpoint_named(engine.model, served.root)
        served.folder(checkpoint.run if checkpoint else engine.model.partition("/")[0])


def may_see(served: Served, engine: Engine) -> bool:
    """Whether whoever asks may know of a model that is served."""
    try:
        check(served, engine)
    except Refusal:
        return False
    return True


def _checkpoint(served: Served, asked: CheckpointName) -> str:
    """The exact name of a checkpoint of a run here. Raises Refusal, with the steps that there are, where it is none."""
    kept = [one.step for one in _whole(served.made_here(asked.run))]
    step = kept[-1] if asked.step is None and kept else asked.step
    if step not in kept:
        hint = f"one of: {', '.join(f'{asked.run}@{one}' for one in kept)}" if kept else f"whet train {asked.run}"
        raise Refusal("RESOURCE_DOES_NOT_EXIST", f"`{str(asked)[:200]}` is a checkpoint that is not kept", hint=hint)
    return f"{asked.run}@{step}"


def _whole(run: Path) -> list[KeptCheckpoint]:
    """Checkpoints that were written to their end, by step, of a run that `whet train` trains."""
    if not (run / "config.yaml").is_file():
        return []
    return [one for one in checkpoints(run) if any((run / one.path / name).is_file() for name in _MARKS)]


def _of_checkpoints(run: str, folder: Path) -> Iterator[Choice]:
    """The newest ones, unless the run has ended with a model that cannot be talked to."""
    if (folder / "model").exists() and not _is_model(folder / "model"):
        return
    for one in _whole(folder)[-OFFERED_CHECKPOINTS:]:
        yield Choice(f"{run}@{one.step}", "checkpoint", False, one.time, run)


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
        yield from _of_checkpoints(run.name, run.folder)


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
