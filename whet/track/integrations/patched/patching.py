"""Patches of other trackers: what is changed in their modules, the runs that come of it, and the way back."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from whet.base.errors import ConfigError
from whet.track.script.api import get_run, init
from whet.track.script.script_run import Run

_NONE = object()
# Files here that are no library.
_OURS = ("__init__", "patching", "foreign_media", "whole", "writer")


class Patched(Protocol):
    """What a file here offers: how its library is followed, and what stands in for it."""

    LIBRARY: str

    def follow(self, patch: Patch) -> None: ...

    def stand_in(self, patch: Patch) -> Mapping[str, Any]: ...


class Patch:
    """Changes in a library that can be undone: `undo()`, or `with patch("wandb"):`.

    Runs that come of it are `runs`, by what the library calls them. `settings` are arguments of `whet.track.init`.
    """

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        self.name = name
        self.runs: dict[Any, Run] = {}
        self.dropped = 0
        self._next: dict[tuple[Any, str], int] = {}
        self._settings = dict(settings)
        self._undo: list[Callable[[], None]] = []
        self._inside = threading.local()

    def undo(self) -> None:
        """Put everything back as it was, and end the runs that are still open."""
        while self._undo:
            self._undo.pop()()
        for key in list(self.runs):
            self.ended(key)

    def __enter__(self) -> Patch:
        return self

    def __exit__(self, *error: Any) -> None:
        self.undo()

    def put(self, owner: Any, name: str, value: Any) -> None:
        """Set an attribute of a module or class."""
        before = vars(owner).get(name, _NONE)
        setattr(owner, name, value)
        self._undo.append(lambda: delattr(owner, name) if before is _NONE else setattr(owner, name, before))

    def before(self, owner: Any, name: str, tell: Callable[..., Any]) -> None:
        """Call `tell` with what a function is called with, and then the function, whatever `tell` did.

        What the function itself calls of its library is not told once more.
        """
        original = getattr(owner, name)

        def told(*args: Any, **named: Any) -> Any:
            if getattr(self._inside, "is_so", False):
                return original(*args, **named)
            self.tried(tell, *args, **named)
            self._inside.is_so = True
            try:
                return original(*args, **named)
            finally:
                self._inside.is_so = False

        self.put(owner, name, told)

    def after(self, owner: Any, name: str, tell: Callable[..., Any]) -> None:
        """Call a function, and `tell` with what it gave and what it was called with."""
        original = getattr(owner, name)

        def told(*args: Any, **named: Any) -> Any:
            given = original(*args, **named)
            self.tried(tell, given, *args, **named)
            return given

        self.put(owner, name, told)

    def tried(self, tell: Callable[..., Any], *args: Any, **named: Any) -> None:
        """Call something of ours that must not reach the script; the first failure is told on stderr."""
        try:
            tell(*args, **named)
        except Exception as error:
            self.dropped += 1
            if self.dropped == 1:
                print(f"whet: a call to {self.name} was not recorded: {error!r}", file=sys.stderr)

    def replace(self, library: str, contents: Mapping[str, Any]) -> None:
        """Let a library's module be ours: the names in `contents`, by its name and by what was imported before.

        Of a module that is imported already, names that are not in `contents` stay.
        """
        real = sys.modules.get(library)
        if real is not None:
            kind = type(real)
            real.__class__ = _forwarding(kind, contents)
            self._undo.append(lambda: setattr(real, "__class__", kind))
            return
        module = _forwarding(ModuleType, contents)(library)
        module.__spec__ = ModuleSpec(library, None)
        module.__dict__["__version__"] = "0"
        sys.modules[library] = module
        self._undo.append(lambda: _removed(library, module))

    def begun(self, key: Any, about: Mapping[str, Any]) -> Run:
        """The run that stands for one of the library: the script's own if one is open, else a new one."""
        if key not in self.runs or not self.runs[key].is_open:
            current = get_run()
            is_scripts = current is not None and current not in self.runs.values()
            told = {name: value for name, value in about.items() if value not in (None, "")}
            self.runs[key] = (
                current if is_scripts and current else init(**{**told, **self._settings}, reinit="create_new")
            )
        return self.runs[key]

    def step(self, key: Any, name: str, step: Any) -> int:
        """The step said; where none is, which a library takes for 0, one further than that curve's last."""
        at = self._next.get((key, name), 0) if step is None else int(step)
        self._next[key, name] = at + 1
        return at

    def ended(self, key: Any, *, failed: bool = False) -> None:
        """The library says that a run is over."""
        run = self.runs.pop(key, None)
        if run is not None:
            run.finish(exit_code=int(failed))


def patch(name: str, *, only: bool = False, **settings: Any) -> Patch:
    """Record what is reported to another tracker, from now on.

    `name` is one of `names()`: wandb, swanlab, mlflow, tensorboard, tensorboardX, trackio. Where the library is
    installed its calls pass on to it; where it is not, or with `only`, it is not called, and a stand-in takes its
    place. Each of its runs becomes one here, unless a run is open; `settings` are arguments of `whet.track.init`.

    The library may be imported before or after. Of what a script has taken out of its module before
    (`from wandb import log`), methods of classes are reached, and functions are not. Raises ConfigError for a name
    that is none.
    """
    if name not in names():
        raise ConfigError(f"nothing is known of a tracker `{name}`", at="patch", hint=f"one of {', '.join(names())}")
    library: Patched = importlib.import_module(f"{__package__}.{name}")  # type: ignore[assignment]
    made = Patch(name, settings)
    if only or not is_installed(library.LIBRARY):
        made.replace(library.LIBRARY, library.stand_in(made))
    else:
        library.follow(made)
    return made


def names() -> list[str]:
    """The trackers that can be patched."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in _OURS)


def is_installed(library: str) -> bool:
    """Whether a module can be imported."""
    if library in sys.modules:
        return sys.modules[library].__spec__ is not None and sys.modules[library].__spec__.loader is not None  # type: ignore[union-attr]
    try:
        importlib.import_module(library)
    except ImportError:
        return False
    return True


def _forwarding(kind: type, contents: Mapping[str, Any]) -> type:
    """A kind of module whose attributes are those of `contents`, as they are when they are asked for."""

    class Forwarding(kind):  # type: ignore[misc]
        def __getattribute__(self, name: str) -> Any:
            return contents[name] if name in contents else super().__getattribute__(name)

    return Forwarding


def _removed(library: str, module: ModuleType) -> None:
    with suppress(KeyError):
        if sys.modules[library] is module:
            del sys.modules[library]
