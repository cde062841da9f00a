"""Whether what a version consists of is what it was made of: each file's SHA-256 against the manifest."""

from __future__ import annotations

from pathlib import Path

from whet.base.digests import sha256s
from whet.base.documents import field
from whet.base.errors import WhetError
from whet.track.registry.registry import Registry
from whet.track.registry.state import Version


def damage(registry: Registry, version: Version) -> list[str]:
    """What is wrong with the files of a version, in words; nothing where all are as they were."""
    try:
        contents = field(registry.manifest(version), "contents", dict, at="manifest.json")
    except WhetError as error:
        return [error.message]
    folder, there, found = registry.files(version), [], []
    for name, told in sorted(contents.items()):
        path = folder / name
        if not path.is_file():
            found.append(f"`{name}` is gone{_led_to(path)}")
        elif path.stat().st_size != told["bytes"]:
            found.append(f"`{name}` has {path.stat().st_size:,} bytes, and had {told['bytes']:,}")
        else:
            there.append((name, path))
    try:
        digests = sha256s(path for _, path in there)
    except OSError as error:
        return [*found, f"`{Path(error.filename or folder).name}` cannot be read: {error.strerror or error}"]
    return found + [f"`{n}` is not as it was" for n, path in there if digests[path] != contents[n]["sha256"]]


def _led_to(path: Path) -> str:
    return f": it was held in place, at {path.readlink()}" if path.is_symlink() else ""
