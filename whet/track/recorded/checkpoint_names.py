"""What a checkpoint of a run is called: `first@200`, and `first@latest` for the newest one; or its folder."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from whet.base.paths import user_path
from whet.track.registry.names import is_reference

NEWEST = "latest"
_STEP = re.compile(r"\d{1,15}", re.ASCII)
_FOLDER = re.compile(r"step-(\d{8,15})", re.ASCII)


@dataclass(frozen=True, slots=True)
class CheckpointName:
    """A run, as it was typed, and the step of one of its checkpoints; None is the newest."""

    run: str
    step: int | None

    def __str__(self) -> str:
        return f"{self.run}@{NEWEST if self.step is None else self.step}"


def parse_checkpoint(text: str) -> CheckpointName | None:
    """The checkpoint that a text names by its form; None where it names something else."""
    path = Path(text)
    if (match := _FOLDER.fullmatch(path.name)) and path.parent.name == "checkpoints":
        return CheckpointName(str(path.parent.parent), int(match[1]))
    run, at, step = text.rpartition("@")
    if is_reference(text) or not at or not run or not (step == NEWEST or _STEP.fullmatch(step)):
        return None
    return CheckpointName(run, None if step == NEWEST else int(step))


def checkpoint_named(text: str, root: Path) -> CheckpointName | None:
    """As `parse_checkpoint`; a run or a folder that is called so itself is meant first."""
    found = parse_checkpoint(text)
    is_typed_at = found is not None and "@" in Path(text).name
    return None if is_typed_at and any(map(os.path.exists, (user_path(text), root / text))) else found
