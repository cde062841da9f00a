"""Models and their versions, as the changes of a journal tell them, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from whet.track.registry.journal import Change


@dataclass(slots=True)
class Version:
    """A version. `about` is what its manifest says but for the files; times are Unix seconds.

    `evaluations` are results as `whet.evaluate` gives them, those that the manifest holds and those that came since.
    """

    model: str
    number: int
    about: Mapping[str, Any]
    manifest: str
    created: float
    updated: float
    tags: dict[str, str] = field(default_factory=dict)
    description: str = ""
    stage: str = "None"
    evaluations: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def kind(self) -> str:
        return str(self.about.get("kind") or "full")

    @property
    def num_bytes(self) -> int:
        return int(self.about.get("bytes") or 0)


@dataclass(slots=True)
class Model:
    """A name over versions. `id` is its folder, and stays when it is renamed; `last` the highest number there was."""

    id: str
    name: str
    created: float
    updated: float
    description: str = ""
    last: int = 0
    tags: dict[str, str] = field(default_factory=dict)
    versions: dict[int, Version] = field(default_factory=dict)
    aliases: dict[str, int] = field(default_factory=dict)
    # What every promotion to an alias requires.
    policies: dict[str, str] = field(default_factory=dict)

    def aliases_of(self, number: int) -> list[str]:
        return sorted(alias for alias, held in self.aliases.items() if held == number)

    def newest(self) -> Version | None:
        return self.versions[max(self.versions)] if self.versions else None


class State:
    """All models by id."""

    def __init__(self) -> None:
        self.models: dict[str, Model] = {}

    def apply(self, change: Change) -> None:
        """Follow one change; what this version does not know is passed over."""
        follow = _FOLLOWED.get(str(change.get("op")))
        if follow is None:
            return
        model = self.models.get(str(change.get("model")))
        if follow is _model:
            _model(self, change)
        elif model is not None:
            follow(self, model, change)
            model.updated = _time(change)

    def named(self, name: str) -> Model | None:
        return next((model for model in self.models.values() if model.name == name), None)

    def all_versions(self) -> Iterator[tuple[Model, Version]]:
        for model in self.models.values():
            for version in model.versions.values():
                yield model, version


def _time(change: Change) -> float:
    return float(change.get("time") or 0.0)


def _model(state: State, change: Change) -> None:
    id = str(change.get("model"))
    state.models[id] = Model(id, str(change.get("name") or id), _time(change), _time(change))


def _rename(state: State, model: Model, change: Change) -> None:
    model.name = str(change.get("name") or model.name)


def _forget(state: State, model: Model, change: Change) -> None:
    del state.models[model.id]


def _version(state: State, model: Model, change: Change) -> None:
    number, about = int(change["version"]), change.get("about") or {}
    found = Version(model.id, number, about, str(change.get("manifest") or ""), _time(change), _time(change))
    found.evaluations = [one for one in about.get("evaluations") or () if isinstance(one, Mapping)]
    model.versions[number], model.last = found, max(model.last, number)


def _remove(state: State, model: Model, change: Change) -> None:
    number = int(change["version"])
    model.versions.pop(number, None)
    model.aliases = {alias: held for alias, held in model.aliases.items() if held != number}


def _alias(state: State, model: Model, change: Change) -> None:
    alias, number = str(change["alias"]), change.get("version")
    model.aliases.pop(alias, None)
    if number is not None:
        model.aliases[alias] = int(number)


def _policy(state: State, model: Model, change: Change) -> None:
    alias, require = str(change["alias"]), change.get("require")
    model.policies.pop(alias, None)
    if require:
        model.policies[alias] = str(require)


def _tag(state: State, model: Model, change: Change) -> None:
    tags = _object(model, change).tags
    key, value = str(change["key"]), change.get("value")
    tags.pop(key, None)
    if value is not None:
        tags[key] = str(value)


def _describe(state: State, model: Model, change: Change) -> None:
    _object(model, change).description = str(change.get("text") or "")


def _stage(state: State, model: Model, change: Change) -> None:
    if (found := model.versions.get(int(change["version"]))) is not None:
        found.stage, found.updated = str(change["stage"]), _time(change)


def _evaluated(state: State, model: Model, change: Change) -> None:
    found, result = model.versions.get(int(change["version"])), change.get("result")
    if found is not None and isinstance(result, Mapping):
        found.evaluations.append(result)
        found.updated = _time(change)


def _object(model: Model, change: Change) -> Model | Version:
    """What a tag or a description is of: a version, where the change says which; a new one is of no consequence."""
    number = change.get("version")
    if number is None:
        return model
    found = model.versions.get(int(number)) or Version(model.id, int(number), {}, "", 0.0, 0.0)
    found.updated = _time(change)
    return found


_FOLLOWED: Mapping[str, Callable[..., None]] = {
    "model": _model, "rename": _rename, "forget": _forget, "version": _version, "remove": _remove, "alias": _alias,
    "policy": _policy,
    "tag": _tag, "describe": _describe, "stage": _stage, "evaluated": _evaluated,
}  # fmt: skip
