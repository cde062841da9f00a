"""Slots: a named kind of component with a typed contract, filled by one file and one decorator.

The signature is the schema: positional parameters are runtime objects, keyword-only parameters are
the settings. `Slot.names()` lists kinds from file names without importing them; `Slot.get()`
imports one file. Third parties register through the same decorator, from a file that the config
lists under `plugins`, or from a Python entry point in the group `whet.<slot>`.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from whet.base.errors import ConfigError
from whet.base.facts import Facts
from whet.base.nearest import nearest
from whet.base.user_code import load_users

if TYPE_CHECKING:
    from whet.base.schema import Settings

Build = TypeVar("Build", bound=Callable[..., Any])
Declared = TypeVar("Declared", bound=Facts, covariant=True)


@dataclass(frozen=True)
class Kind(Generic[Declared]):
    """One component: its builder, its declared facts (costs, needs), and the settings it takes."""

    slot: str
    name: str
    build: Callable[..., Any]
    facts: Declared

    @property
    def doc(self) -> str:
        """The first line of the builder's docstring."""
        return (inspect.getdoc(self.build) or "").split("\n", 1)[0]

    @property
    def source(self) -> str:
        """The file that defines it."""
        return inspect.getsourcefile(self.build) or "?"

    @cached_property
    def settings(self) -> type[Settings]:
        """The pydantic model of the keyword-only parameters, with `kind` as its tag."""
        from whet.base.schema import settings_model

        return settings_model(self.build, name=f"{self.slot}.{self.name}", kind=self.name, doc=self.doc)


@dataclass
class Slot(Generic[Declared]):
    """A named kind of component. Calling it gives the decorator: `@optimizer("lion", state_bytes=4)`.

    `home` is the package whose files are the built-in kinds, one a file, and `facts` what they declare. `shorthand`
    names the setting that a bare string fills when it is not the name of a kind.
    """

    name: str
    home: str
    facts: type[Declared]
    default: str | None = None
    shorthand: str | None = None
    _kinds: dict[str, Kind[Declared]] = field(default_factory=dict, repr=False)

    def __call__(self, name: str, **facts: Any) -> Callable[[Build], Build]:
        declared = self._declared(name, facts)

        def register(build: Build) -> Build:
            new, old = Kind(self.name, name, build, declared), self._kinds.get(name)
            if old is not None and old.source != new.source:
                raise ConfigError(
                    f"two files define {self.name} `{name}`: {old.source} and {new.source}",
                    hint="rename one of them",
                )
            self._kinds[name] = new
            return build

        return register

    def names(self) -> list[str]:
        """Names of all kinds, built-in (from file names), of entry points and of loaded plugins."""
        built_in = {_name(m.name) for m in pkgutil.iter_modules(_folders(self.home)) if not m.name.startswith("_")}
        return sorted(built_in | set(self._entry_points()) | set(self._kinds))

    def get(self, name: str) -> Kind[Declared]:
        """The kind called `name`, importing its file if need be. Raises ConfigError with a suggestion."""
        if name not in self._kinds:
            self._import(name)
        if name not in self._kinds:
            near = nearest(name.lower(), self.names())
            hint = f"did you mean `{near}`?" if near else f"one of: {', '.join(self.names())}"
            raise ConfigError(f"unknown {self.name} `{name}`", hint=hint)
        return self._kinds[name]

    def usual(self) -> Kind[Declared]:
        """The kind that is meant where none is said."""
        if self.default is None:
            raise ConfigError(f"no {self.name} is meant where none is said", hint=f"one of: {', '.join(self.names())}")
        return self.get(self.default)

    def _declared(self, name: str, facts: Mapping[str, Any]) -> Declared:
        known = [one.name for one in fields(self.facts)]
        for fact in facts:
            if fact not in known:
                near = nearest(fact, known)
                raise ConfigError(
                    f"{self.name} `{name}` declares `{fact}`, which no {self.name} does",
                    hint=f"did you mean `{near}`?" if near else f"one of: {', '.join(known) or 'nothing'}",
                )
        for one in fields(self.facts):
            if one.default is MISSING and one.default_factory is MISSING and one.name not in facts:
                hint = f"`{one.name}` in its @{self.name}, as others declare it: whet slots {self.name}"
                raise ConfigError(f"{self.name} `{name}` does not declare `{one.name}`", hint=hint)
        return self.facts(**facts)

    def _import(self, name: str) -> None:
        module = f"{self.home}.{name.replace('-', '_')}"
        if name in self._entry_points():
            try:
                self._entry_points()[name].load()
            except Exception as error:  # of a package that somebody else installed
                point = self._entry_points()[name]
                raise ConfigError(
                    f"the {self.name} `{name}` of `{point.value}` cannot be loaded: {type(error).__name__}: {error}",
                    hint=f"upgrade or remove the package that brings it: python -c 'import {point.module}'",
                ) from error
        elif name.replace("-", "_").isidentifier() and importlib.util.find_spec(module) is not None:
            importlib.import_module(module)

    def _entry_points(self) -> dict[str, importlib.metadata.EntryPoint]:
        return {point.name: point for point in _entry_points(f"whet.{self.name}")}


def load_plugin(path: Path) -> None:
    """Import a user's file so that its decorators register. Raises ConfigError when it is missing or fails."""
    path = path.resolve()
    if not path.is_file():
        raise ConfigError(f"plugin file {path} does not exist", hint=f"ls {path.parent}")
    if path.suffix != ".py":
        raise ConfigError(f"plugin {path} is not a Python file", hint="name it with the ending .py")
    load_users("plugin", path)


@cache
def _entry_points(group: str) -> tuple[importlib.metadata.EntryPoint, ...]:
    """Those of all installed packages in one group; reading them takes a tenth of a second or more."""
    return tuple(importlib.metadata.entry_points(group=group))


def _name(module: str) -> str:
    return module.replace("_", "-")


def _folders(package: str) -> list[str]:
    spec = importlib.util.find_spec(package)
    return list(spec.submodule_search_locations or []) if spec else []
