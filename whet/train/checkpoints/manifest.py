"""The manifest of a checkpoint: every file's size and digest, written last. With it a checkpoint is complete."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whet.base import sealed
from whet.base.documents import field
from whet.base.errors import WhetError
from whet.base.sealed import Files, described

__all__ = [
    "MANIFEST",
    "Identity",
    "blocks_of",
    "changed",
    "damage",
    "described",
    "large_files",
    "manifest_of",
    "run_of",
    "small_files",
]

MANIFEST = "manifest.json"
BLOCKS = "blocks"


@dataclass(frozen=True, slots=True)
class Identity:
    """A run's number, and the step up to which its checkpoints may be of before digests."""

    run: str
    digests_after: int = -1


def manifest_of(step: int, files: Files, run: str | None = None) -> str:
    """The text of the manifest of a checkpoint of the run with the number `run`."""
    return sealed.sealed({"step": step, "files": files, **({"run": run} if run else {})})


def damage(folder: Path, step: int, run: str | None = None) -> str | None:
    """What is wrong with a checkpoint of `step` that has a manifest: the first file and how; None where all is well.

    One that tells another run than `run` is wrong. Files of tensors are only looked at: they are verified as they are
    read, or, where an earlier version wrote them, by `changed`.
    """
    try:
        step_told, files = _read(folder)
    except WhetError as error:
        return f"`{MANIFEST}`: {error.message}"
    if run is not None and run_of(folder) not in (None, run):
        return f"`{MANIFEST}` is that of another run"
    if step_told != step:
        return f"`{MANIFEST}` is that of step {step_told}"
    return sealed.outer_damage(folder, files) or changed(folder, small_files(folder))


def run_of(folder: Path) -> str | None:
    """The number of the run that wrote a checkpoint; None where an earlier version did, or the manifest is damaged."""
    try:
        return field(sealed.read_sealed(folder / MANIFEST), "run", str, at=MANIFEST)
    except WhetError:
        return None


def small_files(folder: Path) -> list[str]:
    """Names of the files that every rank reads whole."""
    return [name for name in _read(folder)[1] if not _is_large(name)]


def large_files(folder: Path) -> list[str]:
    """Names of the files of tensors, in order, that nobody verifies as they are read: an earlier version's."""
    return sorted(name for name, entry in _read(folder)[1].items() if _is_large(name) and BLOCKS not in entry)


def blocks_of(folder: Path) -> dict[str, str]:
    """The digests of the blocks of each file of tensors (`blocks.Checked`)."""
    at = str(folder / MANIFEST)
    return {name: field(entry, BLOCKS, str, at=at) for name, entry in _read(folder)[1].items() if BLOCKS in entry}


def changed(folder: Path, names: Iterable[str]) -> str | None:
    """The first of the files whose content is not what the manifest says, of those that have a digest of the whole."""
    files = _read(folder)[1]
    return sealed.damage(folder, {name: files[name] for name in names})


def _read(folder: Path) -> tuple[int, dict[str, Any]]:
    stored = sealed.read_sealed(folder / MANIFEST)
    return field(stored, "step", int, at=MANIFEST), field(stored, "files", dict, at=MANIFEST)


def _is_large(name: str) -> bool:
    return name.endswith(".distcp")
