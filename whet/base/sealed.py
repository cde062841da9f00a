"""Folders whose files are known by size and digest, and JSON that carries a digest of its own."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from whet.base.digests import file_digests, text_digest
from whet.base.documents import field, read_object
from whet.base.errors import WhetError

Files = Mapping[str, Mapping[str, Any]]
_DIGEST = "digest"


def described(paths: Iterable[Path]) -> dict[str, dict[str, Any]]:
    """Size and digest of each file by name, once all of them are on the disk: one thread waits for it while others
    hash what is still in memory. Raises OSError."""
    paths = list(paths)
    with ThreadPoolExecutor(1) as pool:
        synced = pool.submit(sync, paths)
        digests = file_digests(paths)
        synced.result()
    return {path.name: {"bytes": path.stat().st_size, _DIGEST: digests[path]} for path in sorted(paths)}


def outer_damage(folder: Path, files: Files) -> str | None:
    """The first of the files that is not there, or has another size; nothing is read."""
    for name, entry in files.items():
        path, num_bytes = folder / name, entry["bytes"]
        if not path.is_file():
            return f"`{name}` is missing"
        if path.stat().st_size != num_bytes:
            return f"`{name}` has {path.stat().st_size:,} bytes, and {num_bytes:,} were written"
    return None


def damage(folder: Path, files: Files) -> str | None:
    """The first of the files whose content is not what was written."""
    if found := outer_damage(folder, files):
        return found
    try:
        digests = file_digests(folder / name for name in files)
    except OSError as error:
        return f"`{Path(error.filename or folder).name}` cannot be read: {error.strerror or error}"
    changed = [path.name for path, digest in digests.items() if digest != files[path.name][_DIGEST]]
    return f"`{changed[0]}` is not as it was written" if changed else None


def sealed(values: Mapping[str, Any]) -> str:
    """The values as JSON, with a digest that `read_sealed` compares."""
    return json.dumps({**values, _DIGEST: _own_digest(values)}, indent=1) + "\n"


def read_sealed(path: Path) -> dict[str, Any]:
    """The values of `sealed`. Raises WhetError where the file cannot be read or is not as it was written; values
    `files` have the form that `damage` takes."""
    stored = read_object(path)
    told = field(stored, _DIGEST, str, at=str(path))
    values = {name: value for name, value in stored.items() if name != _DIGEST}
    if told != _own_digest(values):
        raise WhetError(f"`{path.name}` is not as it was written", at=str(path))
    for name, entry in field(values, "files", dict, at=str(path), default={}).items():
        at = f"{path}: {name}"
        if Path(name).name != name:
            raise WhetError(f"`{path.name}` names {name!r}, which would lie elsewhere", at=str(path))
        field(field(values["files"], name, dict, at=at), "bytes", int, at=at)
        field(entry, _DIGEST, str, at=at)
    return values


def read_perhaps_sealed(path: Path, error: type[WhetError], hint: str) -> dict[str, Any]:
    """As `read_sealed`, also for a file of an earlier version, which carries no digest. Raises `error`."""
    stored = read_object(path, error=error, hint=hint)
    if _DIGEST not in stored:
        return stored
    try:
        return read_sealed(path)
    except WhetError as damaged:
        raise error(damaged.message, at=str(path), hint=hint) from None


def _own_digest(values: Mapping[str, Any]) -> str:
    return text_digest(json.dumps(values, sort_keys=True))


def sync(paths: Iterable[Path]) -> None:
    """Wait until what was written into the files is on the disk. Raises OSError."""
    for path in paths:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
