"""The manifest of a checkpoint: every file's size and digest, written last. With it a checkpoint is complete."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from whet.base.digests import file_digests, text_digest
from whet.base.documents import field, read_object
from whet.base.errors import RunError, WhetError

MANIFEST = "manifest.json"
Files = Mapping[str, Mapping[str, Any]]


def described(paths: Iterable[Path]) -> dict[str, dict[str, Any]]:
    """Size and digest of each file by name, once all of them are on the disk: one thread waits for it while others
    hash what is still in memory. Raises OSError."""
    paths = list(paths)
    with ThreadPoolExecutor(1) as pool:
        synced = pool.submit(_sync, paths)
        digests = file_digests(paths)
        synced.result()
    return {path.name: {"bytes": path.stat().st_size, "digest": digests[path]} for path in sorted(paths)}


def manifest_of(step: int, files: Files) -> str:
    """The text of the manifest, with a digest of its own."""
    return json.dumps({"step": step, "files": files, "digest": _own_digest(step, files)}, indent=1) + "\n"


def damage(folder: Path, step: int) -> str | None:
    """What is wrong with a checkpoint of `step` that has a manifest: the first file and how; None where all is well.

    Files of tensors are only looked at from outside: `changed` hashes them.
    """
    try:
        step_told, files = _read(folder / MANIFEST)
        sizes = {name: field(entry, "bytes", int, at=name) for name, entry in files.items()}
    except WhetError as error:
        return f"`{MANIFEST}`: {error.message}"
    if step_told != step:
        return f"`{MANIFEST}` is that of step {step_told}"
    for name, num_bytes in sizes.items():
        path = folder / name
        if not path.is_file():
            return f"`{name}` is missing"
        if path.stat().st_size != num_bytes:
            return f"`{name}` has {path.stat().st_size:,} bytes, and {num_bytes:,} were written"
    return changed(folder, [name for name in files if not _is_large(name)])


def large_files(folder: Path) -> list[str]:
    """Names of the files of tensors, in order."""
    return sorted(name for name in _read(folder / MANIFEST)[1] if _is_large(name))


def changed(folder: Path, names: Iterable[str]) -> str | None:
    """The first of the files whose content is not what the manifest says."""
    try:
        files = _read(folder / MANIFEST)[1]
        digests = file_digests(folder / name for name in names)
    except WhetError as error:
        return f"`{MANIFEST}`: {error.message}"
    except OSError as error:
        return f"`{Path(error.filename or folder).name}` cannot be read: {error.strerror or error}"
    other = [path.name for path, digest in digests.items() if digest != files[path.name].get("digest")]
    return f"`{other[0]}` is not as it was written" if other else None


def _is_large(name: str) -> bool:
    return name.endswith(".distcp")


def _read(path: Path) -> tuple[int, dict[str, Any]]:
    stored = read_object(path)
    step, files = field(stored, "step", int, at=MANIFEST), field(stored, "files", dict, at=MANIFEST)
    if field(stored, "digest", str, at=MANIFEST) != _own_digest(step, files):
        raise RunError("it is not as it was written")
    for name in files:
        if Path(name).name != name:
            raise RunError(f"it names {name!r}, which would lie elsewhere")
        field(files, name, dict, at=MANIFEST)
    return step, files


def _own_digest(step: int, files: Files) -> str:
    return text_digest(json.dumps([step, files], sort_keys=True))


def _sync(paths: Iterable[Path]) -> None:
    for path in paths:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
