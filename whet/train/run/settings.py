"""The settings that a run began with: what of its config was changed since is said, and a config that was cut is not
filled up with defaults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from whet.base.config import Loaded
from whet.base.documents import field
from whet.base.errors import RunError, WhetError
from whet.base.sealed import read_sealed
from whet.train.run.dependencies import NAME
from whet.train.run.folder import RunFolder

_SHOWN = 4
_MISSING = object()


def check_settings(loaded: Loaded, folder: RunFolder) -> list[str]:
    """Compare the run's config with what it began with; gives what a user should know of it.

    Raises RunError where the config lacks what was written to it. What the record itself lacks is told elsewhere.
    """
    path = folder.path / NAME
    try:
        before = field(read_sealed(path), "settings", dict, at=str(path))
    except WhetError:  # of an earlier version, or damaged
        return []
    now = loaded.run.model_dump(mode="json")
    whole = {
        keys for keys, origin in loaded.origins.items() if origin == "command line"
    }  # the rest of which is default
    given = [keys for keys in _given(before, now) if keys[:1] not in whole]
    lacking = sorted(".".join(keys) for keys in given if keys not in loaded.origins)
    if lacking:
        raise RunError(
            f"the run's config lacks settings that it was written with: {_listed(lacking)}",
            at=str(folder.config),
            hint=f"put them back (a config that was cut ends too early), or take the defaults: rm {path}",
        )
    changes = [f"`{name}` was {old} and is {new}" for name, old, new in _changes(before, now, "")]
    return [f"the config was changed since the run began: {_listed(changes)}"] if changes else []


def _given(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Settings that both know, and that a written config therefore has."""
    for name, value in before.items():
        inner = now.get(name)
        if isinstance(value, dict) and isinstance(inner, dict):
            yield from ((name, key) for key in value if key in inner)
        elif name in now:
            yield (name,)


def _changes(before: Any, now: Any, place: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(before, dict) and isinstance(now, dict):
        for name in before:
            if name in now or place:
                at = f"{place}.{name}" if place else name
                yield from _changes(before[name], now.get(name, _MISSING), at)
    elif _plain(before) != _plain(now):
        yield place, _shown(before), _shown(now)


def _plain(value: Any) -> Any:
    """Sets have no order, and are lists in JSON."""
    is_of_texts = isinstance(value, list) and all(isinstance(one, str) for one in value)
    return sorted(value) if is_of_texts else value


def _shown(value: Any) -> str:
    return "not there" if value is _MISSING else str(value)[:60]


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"
