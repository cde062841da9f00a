"""What a run depends on outside of its folder: recorded with digests when it begins, compared when it goes on."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from whet.base.catalogue import tuner
from whet.base.digests import fingerprint
from whet.base.documents import field, read_object
from whet.base.errors import RunError, WhetError
from whet.base.imports import local_imports
from whet.base.run import Run
from whet.base.sealed import read_sealed, sealed
from whet.data.sources.files import Source, source_files, whole_bytes
from whet.track.registry.registry import version_at
from whet.train.run.folder import RunFolder, write_atomically

NAME = "dependencies.json"
# What of a folder decides anything: weights, configs, tokenizers, templates, code.
_ENDINGS = {".safetensors", ".json", ".jinja", ".model", ".txt", ".py", ".bin", ".gguf", ".npz", ".ids", ".logprobs"}
_MAX_FILES = 1000
MOST_BYTES = 2**20  # of a file of code, which is hashed whole
# Where the run itself writes, and what does not change what it learns.
_PASSED_OVER = ("track", "name", "evaluate", "parallel", "train", "schedule", "seed")

# Place in the config -> path and, by name, the size and digest of each file.
Found = dict[str, dict[str, Any]]


def record(run: Run, folder: RunFolder, identity: Mapping[str, Any]) -> None:
    """Write what the run depends on, its settings and whose this is into its folder. Raises RunError."""
    values = {"depends_on": dependencies(run), "settings": run.model_dump(mode="json"), **identity}
    write_atomically(folder.path / NAME, sealed(values))


def check(run: Run, folder: RunFolder, pinned: Mapping[str, Any], identity: Mapping[str, Any]) -> list[str]:
    """Compare what the run depends on with what it began with; gives what a user should know of it.

    Raises RunError, naming what has changed, where it decides what the run learns from now on.
    """
    path = folder.path / NAME
    if not path.exists():
        record(run, folder, identity)
        return [f"what the run began with is not recorded ({NAME} is missing): it is recorded as it is now"]
    remedy = f"put it back, or go on with what is there now: rm {path}"
    try:
        before = field(read_sealed(path), "depends_on", dict, at=str(path))
        now = dependencies(run, before)
    except WhetError as error:
        raise RunError(error.message, at=str(path), hint=f"rm {path}, which goes on without the comparison") from None
    changes = list(_changes(before, now))
    deciding = [text for text, decides in changes if decides or not _is_in_checkpoint(run, pinned)]
    if deciding:
        raise RunError(
            f"the run depends on what has changed since it began: {'; '.join(deciding)}",
            at=str(folder.path),
            hint=remedy,
        )
    return [f"{text} since the run began; its weights are those of the checkpoint" for text, _ in changes]


def dependencies(run: Run, before: Mapping[str, Any] | None = None) -> Found:
    """Every file that the config names, directly or by a folder, an adapter's base or a hub id, with its digest.

    Also what Python files of the user's import. `before` is what the run began with: a file that was imported then is
    looked at again, although `sys.path` may be another by now.
    """
    found: Found = {}
    for place, path in _places(run):
        limit = whole_bytes(files := _files(path, place, run))
        described = {_name(file, path): _described(file, limit) for file in files}
        if described:
            found[place] = {"path": str(path), "files": described, **_version(path)}
        if path.suffix == ".py" and (imported := _imported(path, (before or {}).get(f"{place} (imports)"))):
            found[f"{place} (imports)"] = {"path": str(path.parent), "files": imported}
    return found


def _version(path: Path) -> dict[str, str]:
    """Which version of the registry lies there: aliases move, the version that the run began with does not."""
    version = version_at(path)
    return {"version": version[0], "manifest": version[1]} if version else {}


def _imported(path: Path, before: Mapping[str, Any] | None) -> dict[str, dict[str, Any]]:
    """Digests of the user's files that a Python file imports, by their names from its folder."""
    names = {os.path.relpath(file, path.parent) for file in local_imports(path)}
    known = field(before, "files", dict, at=NAME) if before else {}
    names |= {name for name in known if (path.parent / name).is_file()}
    return {name: _described(path.parent / name, MOST_BYTES) for name in sorted(names)}


def _is_in_checkpoint(run: Run, pinned: Mapping[str, Any]) -> bool:
    """Whether all weights of the model come from the checkpoint, and the first ones are asked for no more."""
    return tuner.get(run.tuner.kind).facts.all_weights and pinned.get("reference") in (None, "stored")


def _changes(before: Mapping[str, Any], now: Found) -> Iterator[tuple[str, bool]]:
    """What is different, each with whether it decides more than the weights that the model begins with."""
    for place, entry in before.items():
        at = f"{NAME}: {place}"
        files = field(entry, "files", dict, at=at)
        new = now.get(place, {"files": {}})["files"]
        changed = [name for name in files if name not in new or new[name] != files[name]]
        changed += [name for name in new if name not in files]
        if changed:
            only_weights = place == "model.path" and all(name.endswith(".safetensors") for name in changed)
            gone = " is gone" if changed[0] not in new else " has changed"
            more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
            yield f"`{place}`: {changed[0]}{more} of {entry.get('path')}{gone}", not only_weights


def _places(run: Run) -> Iterator[tuple[str, Path]]:
    values = run.model_dump(mode="json")
    for place, text in _texts({name: part for name, part in values.items() if name not in _PASSED_OVER}, ""):
        path = _path(text)
        if path is None:
            continue
        yield place, path
        base = _base_of(path)
        if base is not None:
            yield f"{place} (base model)", base


def _texts(value: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _texts(inner, f"{place}.{name}" if place else str(name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _texts(inner, f"{place}.{number}")


def _path(text: str) -> Path | None:
    """The file or folder that a value of the config means, if it means one."""
    for candidate in (text, text.rpartition(":")[0]):
        if not candidate or len(candidate) > 1000 or "\0" in candidate or "\n" in candidate:
            continue
        if ("/" in candidate or Path(candidate).suffix) and os.path.exists(candidate):
            return Path(candidate)
    module, _, name = text.partition(":")
    if all(part.isidentifier() for part in [name, *module.split(".")]):  # no address: Python has a module `http`
        return _module_file(module)
    return _snapshot(text)


def _module_file(module: str) -> Path | None:
    """The file of `package.module:name`."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError, AttributeError):
        return None
    return Path(spec.origin) if spec and spec.origin and os.path.isfile(spec.origin) else None


def _snapshot(name: str) -> Path | None:
    """Where the hub's client keeps the model `owner/name`."""
    if name.count("/") != 1 or name.startswith((".", "/")) or " " in name:
        return None
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(name, "config.json")
    except HFValidationError:
        return None
    return Path(found).parent if isinstance(found, str) else None


def _base_of(path: Path) -> Path | None:
    """The model that an adapter was made for."""
    config = path / "adapter_config.json"
    if not config.is_file():
        return None
    try:
        name = field(read_object(config), "base_model_name_or_path", str, at=str(config), default="")
    except WhetError:  # whoever loads it says what is wrong
        return None
    return Path(name) if name and os.path.isdir(name) else _snapshot(name)


def _files(path: Path, place: str, run: Run) -> list[Path]:
    if path.is_file():
        return [path]
    if place.startswith("data."):
        return source_files(Source(str(path), str(path), split=_split(place, run)))
    listed = sorted(file for file in path.iterdir() if file.suffix in _ENDINGS and file.is_file())
    return listed[:_MAX_FILES]


def _split(place: str, run: Run) -> str | None:
    _, part, number = place.split(".")[:3]
    return getattr(run.data, part)[int(number)].split


def _name(file: Path, path: Path) -> str:
    return file.name if file == path else str(file.relative_to(path))


def _described(file: Path, limit: int) -> dict[str, Any]:
    try:
        return {"bytes": file.stat().st_size, "digest": fingerprint(file, limit)}
    except OSError as error:
        raise RunError(
            f"{file} cannot be read: {error.strerror or error}", at=str(file), hint=f"chmod +r {file}"
        ) from None
