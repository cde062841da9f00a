"""Artifacts: files under a name and a version, each file kept once by its digest, for all runs of a root.

<root>/.artifacts/  objects/<2 letters>/<sha256>  names/<name>/v0.json, v1.json, ..., aliases.json
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from whet.base.errors import RunError
from whet.base.paths import file_name
from whet.track.script.media.base import digest_of
from whet.track.script.plain import to_json

FOLDER = ".artifacts"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of an artifact: where its bytes lie, their SHA-256 and number; or a reference to elsewhere."""

    source: str
    sha256: str
    num_bytes: int

    @classmethod
    def of(cls, path: Path) -> Entry:
        return cls(str(path), digest_of(path), path.stat().st_size)


@dataclass(slots=True)
class Artifact:
    """Files that belong together. Made by a script, filled by `add_file` and `add_dir`, kept by `log_artifact`."""

    name: str
    type: str = "unspecified"
    description: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    version: str = ""
    aliases: list[str] = field(default_factory=list)
    entries: dict[str, Entry] = field(default_factory=dict)
    _scratch: Path | None = None

    @classmethod
    def of(cls, given: Any, name: str, type: str) -> Artifact:
        """What a caller gave, if it is an artifact, or one with the file or folder at that path."""
        if isinstance(given, cls):
            return given
        artifact, path = cls(name, type), Path(given).expanduser()
        if path.is_dir():
            artifact.add_dir(str(path))
        else:
            artifact.add_file(str(path))
        return artifact

    @property
    def full_name(self) -> str:
        return f"{self.name}:{self.version}" if self.version else self.name

    @property
    def digest(self) -> str:
        """SHA-256 over names and digests of the files: equal files give equal digests."""
        listed = sorted((name, entry.sha256) for name, entry in self.entries.items())
        return hashlib.sha256(json.dumps(listed).encode()).hexdigest()

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(entry.num_bytes for entry in self.entries.values())

    def add_file(self, local_path: str, name: str | None = None, is_tmp: bool = False, **ignored: Any) -> Entry:
        """Add a file, as it is now. Raises OSError where it cannot be read."""
        path = Path(local_path)
        entry = self.entries[_inside(name or path.name)] = Entry.of(path)
        return entry

    def add_dir(self, local_path: str, name: str | None = None, **ignored: Any) -> None:
        """Add all files under a folder. Raises OSError where one cannot be read."""
        root = Path(local_path)
        for path in sorted(root.rglob("*")):
            if path.is_file():
                inside = str(path.relative_to(root))
                self.add_file(str(path), f"{name}/{inside}" if name else inside)

    def add_reference(self, uri: str, name: str | None = None, **ignored: Any) -> None:
        """Add the name of something that stays where it is."""
        self.entries[_inside(name or uri.rstrip("/").rpartition("/")[2])] = Entry(
            uri, f"reference:{hashlib.sha256(uri.encode()).hexdigest()}", 0
        )

    @contextmanager
    def new_file(self, name: str, mode: str = "w", **how: Any) -> Iterator[IO[Any]]:
        """An open file that is added once it is closed."""
        import tempfile

        if self._scratch is None:
            self._scratch = Path(tempfile.mkdtemp(prefix="whet-artifact-"))
        path = self._scratch / _inside(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open(mode, **how) as file:
            yield file
        self.add_file(str(path), name)

    def add(self, obj: Any, name: str, **ignored: Any) -> Entry:
        """Add a table or another medium as a JSON file of what the log would say of it."""
        from whet.track.script.media.words import Table

        stated = {"columns": obj.columns, "data": obj.data} if isinstance(obj, Table) else {"type": obj.kind}
        inside = f"{name}.{obj.kind}.json"
        with self.new_file(inside, "wb") as file:
            file.write(to_json(stated))
        return self.entries[inside]

    def files(self) -> list[str]:
        """Names of its files."""
        return list(self.entries)

    def get_path(self, name: str) -> Path:
        """Where the bytes of a file lie. Raises RunError for a name that it does not have."""
        if name not in self.entries:
            raise RunError(f"the artifact `{self.full_name}` has no `{name}`", hint=f"one of {', '.join(self.files())}")
        return Path(self.entries[name].source)

    def download(self, root: str | None = None, **ignored: Any) -> str:
        """Put its files into a folder (by default `artifacts/<name>-<version>`), and return that."""
        target = Path(root or f"artifacts/{self.name}-{self.version or 'new'}")
        for name, entry in self.entries.items():
            if not entry.sha256.startswith("reference:"):
                path = target / _inside(name)
                path.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(entry.source, path)
        return str(target)

    def file(self, root: str | None = None) -> str:
        """Put its only file into a folder, and return the file's path. Raises RunError where there are more."""
        if len(self.entries) != 1:
            raise RunError(f"the artifact `{self.full_name}` has {len(self.entries)} files", hint="download()")
        return str(Path(self.download(root)) / next(iter(self.entries)))

    def wait(self, timeout: Any = None) -> Artifact:
        """Itself: `log_artifact` returns once the files are kept."""
        return self

    def about(self) -> dict[str, Any]:
        """What the run's log says of it."""
        listed = {"name": self.name, "version": self.version, "type": self.type, "digest": self.digest}
        return {**listed, "files": len(self.entries), "bytes": self.size}


class ArtifactStore:
    """The artifacts of all runs under a root."""

    def __init__(self, root: Path) -> None:
        self._objects, self._names = root / FOLDER / "objects", root / FOLDER / "names"

    def keep(self, artifact: Artifact, aliases: Iterable[str], tags: Iterable[str], run: str) -> Artifact:
        """Copy what is not there yet, and give the artifact a version: the newest one's where nothing changed."""
        folder = self._names / file_name(artifact.name, what="artifact")
        folder.mkdir(parents=True, exist_ok=True)
        versions = self._versions(folder)
        newest = self._read(folder, versions[-1]) if versions else None
        if newest is not None and newest.digest == artifact.digest:
            version = newest.version
        else:
            version = self._write(folder, artifact, len(versions) and versions[-1] + 1, list(tags), run)
        self._name(folder, version, ["latest", *aliases])
        return self.find(f"{artifact.name}:{version}")

    def find(self, wanted: str) -> Artifact:
        """The artifact of `name`, `name:v3` or `name:alias`; entity and project before it are passed over."""
        name, _, which = wanted.rpartition("/")[2].partition(":")
        folder = self._names / file_name(name, what="artifact")
        versions = self._versions(folder)
        if not versions:
            known = sorted(path.name for path in self._names.iterdir()) if self._names.is_dir() else []
            hint = f"one of {', '.join(known[:8])}" if known else "`log_artifact` keeps one"
            raise RunError(f"there is no artifact `{name}`", at=str(self._names), hint=hint)
        version = self._aliases(folder).get(which or "latest", which)
        if version not in {f"v{number}" for number in versions}:
            there = [*self._aliases(folder), *(f"v{number}" for number in versions)]
            raise RunError(f"the artifact `{name}` has no `{which}`", at=str(folder), hint=f"one of {', '.join(there)}")
        return self._read(folder, int(version[1:]))

    def _write(self, folder: Path, artifact: Artifact, number: int, tags: list[str], run: str) -> str:
        """Store the files, then the version, which is claimed by making its file."""
        for entry in artifact.entries.values():
            self._store(entry)
        stated = {
            "type": artifact.type, "description": artifact.description, "metadata": dict(artifact.metadata),
            "tags": tags, "run": run, "time": time.time(),
            "files": {
                name: {"sha256": e.sha256, "bytes": e.num_bytes, "source": e.source if ":" in e.sha256 else ""}
                for name, e in artifact.entries.items()
            },
        }  # fmt: skip
        while True:
            try:
                with (folder / f"v{number}.json").open("xb") as file:
                    file.write(to_json(stated))
                return f"v{number}"
            except FileExistsError:  # another run was as quick
                number += 1

    def _store(self, entry: Entry) -> None:
        path = self._object(entry.sha256)
        if ":" in entry.sha256 or path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            shutil.copyfile(entry.source, part)
            if digest_of(part) != entry.sha256:
                raise RunError(
                    "a file of the artifact changed after it was added", at=entry.source, hint="add it when it is whole"
                )
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)

    def _object(self, sha256: str) -> Path:
        return self._objects / sha256[:2] / sha256

    def _read(self, folder: Path, number: int) -> Artifact:
        stated = json.loads((folder / f"v{number}.json").read_text(encoding="utf-8"))
        entries = {
            name: Entry(one["source"] or str(self._object(one["sha256"])), one["sha256"], one["bytes"])
            for name, one in stated["files"].items()
        }
        named = [alias for alias, version in self._aliases(folder).items() if version == f"v{number}"]
        about = stated["type"], stated["description"], stated["metadata"]
        return Artifact(folder.name, *about, version=f"v{number}", aliases=named, entries=entries)

    def _name(self, folder: Path, version: str, aliases: list[str]) -> None:
        known = {**self._aliases(folder), **dict.fromkeys(aliases, version)}
        part = folder / f"aliases.json.{os.getpid()}.part"
        part.write_bytes(to_json(known))
        os.replace(part, folder / "aliases.json")

    def _aliases(self, folder: Path) -> Mapping[str, str]:
        path = folder / "aliases.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def _versions(self, folder: Path) -> list[int]:
        names = [path.stem for path in folder.glob("v*.json")] if folder.is_dir() else []
        return sorted(int(name[1:]) for name in names if name[1:].isdigit())


def _inside(name: str) -> str:
    """A name that stays inside of a folder. Raises RunError for one that would leave it."""
    path = Path(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise RunError(f"`{name}` would lie outside of the artifact", hint="a relative name without `..`")
    return path.as_posix()
