"""Whether what a version consists of is what it was made of: each file's SHA-256 against the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from whet.base.digests import sha256s
from whet.base.documents import field
from whet.base.errors import WhetError
from whet.track.registry.registry import Registry
from whet.track.registry.state import Version


def damage(registry: Registry, version: Version) -> list[str]:
    """What is wrong with the files of a version, in words; nothing where all are as they were."""
    try:
        manifest = registry.manifest(version)
        wanted = _wanted(registry, version, manifest)
    except WhetError as error:
        return [error.message]
    there, found = [], []
    for name, path, told in wanted:
        if not path.is_file():
            found.append(f"`{name}` is gone{_led_to(path)}")
        elif path.stat().st_size != told["bytes"]:
            found.append(f"`{name}` has {path.stat().st_size:,} bytes, and had {told['bytes']:,}")
        else:
            there.append((name, path, told["sha256"]))
    try:
        digests = sha256s(path for _, path, _ in there)
    except OSError as error:
        return [*found, f"`{Path(error.filename or '').name}` cannot be read: {error.strerror or error}"]
    return found + [f"`{name}` is not as it was" for name, path, digest in there if digests[path] != digest]


def _wanted(
    registry: Registry, version: Version, manifest: Mapping[str, Any]
) -> list[tuple[str, Path, Mapping[str, Any]]]:
    """Name, place and description of every file; of a package only those that are no file of the model."""
    contents = field(manifest, "contents", dict, at="manifest.json")
    found = [(name, registry.files(version) / name, told) for name, told in sorted(contents.items())]
    known = {told["sha256"] for told in contents.values()}
    packed = sorted(field(manifest, "package", dict, at="manifest.json", default={}).items())
    place = registry.package(version)
    return found + [(name, place / name, told) for name, told in packed if told["sha256"] not in known]


def _led_to(path: Path) -> str:
    return f": it was held in place, at {path.readlink()}" if path.is_symlink() else ""
