"""Who refers to a version: aliases, versions that are built on it, runs that depend on it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from whet.base.documents import field, read_object
from whet.base.errors import RunError, WhetError
from whet.base.units import size
from whet.track.reading.store import folders
from whet.track.registry.registry import EVALUATIONS, MANIFEST, Registry
from whet.track.registry.state import Version

DEPENDENCIES = "dependencies.json"


@dataclass(frozen=True, slots=True)
class Removed:
    """A version that was removed: its bytes, how many of them the disk has got back, and who referred to it."""

    name: str
    num_bytes: int
    freed_bytes: int
    referring: tuple[str, ...]


def referring(registry: Registry, version: Version, root: Path) -> list[str]:
    """Aliases, versions and runs under `root` that refer to a version, in words."""
    model = registry.state().models[version.model]
    found = [f"@{alias}" for alias in model.aliases_of(version.number)]
    for other, one in registry.state().all_versions():
        if one.about.get("base_version") == [version.model, version.number]:
            found.append(f"{other.name}/{one.number} is built on it")
    place = registry.place(version)
    found += [f"the run `{run.name}` depends on it" for run in folders(root) if _depends(run, place)]
    return found


def freed_bytes(registry: Registry, version: Version) -> int:
    """What the disk gets back with the version's files: those that have no name elsewhere."""
    own: dict[int, list[os.stat_result]] = {}
    for path in registry.place(version).rglob("*"):
        if path.is_file() and not path.is_symlink() and path.name != MANIFEST and path.parent.name != EVALUATIONS:
            about = path.stat()
            own.setdefault(about.st_ino, []).append(about)
    return sum(names[0].st_size for names in own.values() if names[0].st_nlink == len(names))


def remove(registry: Registry, name: str, number: int, root: Path, *, force: bool = False) -> Removed:
    """Remove a version. Raises RunError where something refers to it, unless `force`d."""
    version = registry.version(name, number)
    refer, freed = referring(registry, version, root), freed_bytes(registry, version)
    if refer and not force:
        text = f"`{name}/{number}` ({size(version.num_bytes)}) is referred to: {'; '.join(refer)}"
        raise RunError(text, at=str(registry.place(version)), hint="--force removes it nevertheless")
    registry.remove(name, number)
    return Removed(f"{name}/{number}", version.num_bytes, freed, tuple(refer))


def remove_model(registry: Registry, name: str, root: Path, *, force: bool = False) -> Removed:
    """Remove a model with all its versions. Raises RunError where something else refers to one, unless `force`d."""
    model = registry.model(name)
    versions = list(model.versions.values())
    refer = [f"{name}/{one.number}: {said}" for one in versions for said in referring(registry, one, root)]
    total, freed = sum(one.num_bytes for one in versions), sum(freed_bytes(registry, one) for one in versions)
    if refer and not force:
        text = f"`{name}` ({len(versions)} versions, {size(total)}) is referred to: {'; '.join(refer)}"
        raise RunError(text, at=str(registry.folder), hint="--force removes it nevertheless")
    registry.forget(name)
    return Removed(name, total, freed, tuple(refer))


def _depends(run: Path, place: Path) -> bool:
    return any(Path(path).is_relative_to(place) for path in _paths(run))


def _paths(run: Path) -> Iterator[str]:
    """Where what a run depends on lies."""
    path = run / DEPENDENCIES
    if not os.path.exists(path):
        return
    try:
        found = field(read_object(path), "depends_on", dict, at=str(path))
        yield from [str(entry["path"]) for entry in found.values()]
    except (WhetError, LookupError, TypeError):  # a damaged one is said where the run is continued
        return
