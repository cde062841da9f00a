"""Adding: a new version of a model, its files linked and hashed, there whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whet.base.digests import text_digest
from whet.base.errors import RunError, WhetError
from whet.base.sealed import sealed
from whet.track.registry.linking import Held, counted, linked, listed
from whet.track.registry.names import model_name
from whet.track.registry.registry import EVALUATIONS, MANIFEST, MODELS, PACKAGE, Registry
from whet.track.registry.state import Version


@dataclass(frozen=True, slots=True)
class Added:
    """A new version, how many of its files are held in which way, and the newest other one that has the same files."""

    version: Version
    held: Mapping[Held, int]
    same: str | None = None


def add(
    registry: Registry,
    name: str,
    contents: Mapping[str, Path],
    about: Mapping[str, Any],
    evaluations: Sequence[Path] = (),
    package: Mapping[str, Path] | None = None,
    alias: str | None = None,
) -> Added:
    """A new version of a model, which is made where there is none: files by their names in the version.

    `package` are the same files, and those that describe them, in the layout that they came in. Files are linked,
    never copied, and hashed in full. `alias` is to mean the version. Raises WhetError where a file cannot be read, an
    alias may not mean it, or nothing can be written; then nothing is left behind.
    """
    model_name(name)
    if alias:
        registry.check_alias(name, alias)  # before files are hashed
    part = _part(registry.folder)
    try:
        (part / "files").mkdir()
        wanted = [(f"files/{name}", path) for name, path in sorted(contents.items())]
        wanted += [(f"{PACKAGE}/{name}", path) for name, path in sorted((package or {}).items())]
        held = {inner: linked(path, part / inner) for inner, path in wanted}
        for path in evaluations:
            (part / EVALUATIONS).mkdir(exist_ok=True)
            shutil.copyfile(path, part / EVALUATIONS / path.name)
        version = _added(registry, name, part, listed(part, held), about, alias)
    except OSError as error:
        raise RunError(
            f"the version cannot be added: {error.strerror or error}", at=str(error.filename or registry.folder),
            hint="chmod +r, or --registry ~/registry",
        ) from None  # fmt: skip
    finally:
        shutil.rmtree(part, ignore_errors=True)
    held_by = counted(how for inner, how in held.items() if inner.startswith("files/"))
    return Added(version, held_by, _same(registry, version))


def _same(registry: Registry, version: Version) -> str | None:
    """The newest version of any model with the very files of this one, by their digests."""

    def digests(one: Version) -> dict[str, str]:
        return {name: told["sha256"] for name, told in registry.manifest(one)["contents"].items()}

    wanted = digests(version)
    others = sorted((one for _, one in registry.state().all_versions()), key=lambda one: -one.created)
    for one in others:
        is_alike = one.num_bytes == version.num_bytes and one.about.get("files") == version.about.get("files")
        with suppress(WhetError, OSError, LookupError, TypeError):  # of a damaged one nothing can be said
            if is_alike and one.manifest != version.manifest and digests(one) == wanted:
                return registry.name_of(one)
    return None


def _part(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=".adding-", dir=folder))
    except OSError as error:
        raise RunError(
            f"the registry cannot be written: {error.strerror}", at=str(folder), hint="--registry ~/registry"
        ) from None


def _added(
    registry: Registry, name: str, part: Path, listed: Mapping[str, Mapping[str, Any]], about: Mapping[str, Any],
    alias: str | None,
) -> Version:  # fmt: skip
    """Number what lies in `part`, and put it in its place, which `alias` is to mean."""
    with registry.changing():
        if alias:
            registry.check_alias(name, alias)
        model = registry.named_or_new(name)
        home = registry.folder / MODELS / model.id
        numbers = [int(path.name) for path in home.iterdir() if path.name.isdigit()] if home.is_dir() else []
        number = max([model.last, *numbers]) + 1
        num_bytes = sum({one["sha256"]: int(one["bytes"]) for one in listed.values()}.values())
        contents, made = _below(listed, "files/"), registry.made()
        about = {**about, "bytes": num_bytes, "files": len(contents), "by": made["by"]}
        told = {"name": name, "version": number, "about": about, "contents": contents}
        (part / MANIFEST).write_text(sealed({**told, "package": _below(listed, f"{PACKAGE}/"), **made}), "utf-8")
        os.rename(part / "files", part / model.id)
        os.chmod(part, 0o755)
        home.mkdir(parents=True, exist_ok=True)
        os.rename(part, home / str(number))
        digest = text_digest((home / str(number) / MANIFEST).read_bytes())
        registry.tell("version", model, version=number, manifest=digest, about=about)
        if alias:
            registry.alias(name, alias, number)
        return registry.version(name, number)


def _below(listed: Mapping[str, Mapping[str, Any]], folder: str) -> dict[str, Mapping[str, Any]]:
    """The files in a folder, by their names there."""
    return {inner[len(folder) :]: one for inner, one in listed.items() if inner.startswith(folder)}
