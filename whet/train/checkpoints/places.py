"""Which checkpoints lie in a folder, and whether they are whole, as far as their files tell without loading them."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from whet.base.documents import field, read_object
from whet.base.errors import WhetError
from whet.base.regular import odd_entries
from whet.train.checkpoints.manifest import MANIFEST, Identity, damage

# Checkpoints of this format have no manifest.
_WITHOUT_MANIFEST = 1
LATEST = "latest"  # a file with the name of the newest, for who looks into the folder
_NAME = re.compile(r"step-(\d{8,})")


def place_of(folder: Path, step: int) -> Path:
    """Where the checkpoint of a step lies once it is complete."""
    return folder / f"step-{step:08d}"


def part_of(folder: Path, step: int) -> Path:
    """Where it lies while it is written, or taken away."""
    return folder / f"step-{step:08d}.partial"


def take_away(path: Path) -> None:
    """Remove a complete checkpoint; who is killed meanwhile leaves none that looks damaged. Raises OSError."""
    part = part_of(path.parent, step_of(path))
    shutil.rmtree(part, ignore_errors=True)
    os.rename(path, part)
    shutil.rmtree(part)


def complete(folder: Path) -> list[Path]:
    """Complete checkpoints, oldest first; whether they are whole is known once they are verified."""
    return [p for p in numbered(folder) if (p / MANIFEST).exists() or (p / "state.json").exists()]


def latest(folder: Path) -> Path | None:
    """The newest complete checkpoint. A folder scan, because a crash may fall between rename and `latest`."""
    found = complete(folder)
    return found[-1] if found else None


def lacks_manifest(path: Path) -> bool:
    """Whether a checkpoint is of before digests, or has lost them."""
    return not (path / MANIFEST).exists()


def numbered(folder: Path) -> list[Path]:
    """What was once put in the place of a complete checkpoint, oldest first."""
    return sorted((p for p in folder.glob("step-*") if _NAME.fullmatch(p.name)), key=step_of)


def step_of(path: Path) -> int:
    return int(path.name.removeprefix("step-"))


def damage_of(path: Path, identity: Identity | None) -> str | None:
    """What is wrong with a complete checkpoint, as far as its files tell without loading them."""
    for odd, kind in odd_entries(path):
        return f"`{odd.name}` is {kind}, and no file"
    if (path / MANIFEST).exists():
        return damage(path, step_of(path), identity.run if identity else None)
    if not (path / "state.json").exists() or (identity and step_of(path) > identity.digests_after):
        return f"`{MANIFEST}` is missing"
    try:
        stored = read_object(path / "state.json")
        written_as = field(stored, "format", int, at="state.json")
        step = field(stored, "step", int, at="state.json")
    except WhetError as error:
        return f"`state.json`: {error.message}"
    if written_as != _WITHOUT_MANIFEST:
        return f"`{MANIFEST}` is missing"
    return None if step == step_of(path) else f"`state.json` is that of step {step}"
