"""The store: run folders under a root, found by name, each summed up from its logs.

runs/<name>/  config.yaml  plan.json  ledger.jsonl  controls  track/  checkpoints/  model/
"""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whet.base.errors import STARTS, RunError
from whet.base.paths import user_path
from whet.track.reading.read import History, Status
from whet.track.script.described import Described, described

if TYPE_CHECKING:
    import numpy as np

ROOT = Path("runs")
LOGS = "track"
_MARKERS = (LOGS, "config.yaml")
# Speed is the median over this many last steps: one checkpoint or evaluation does not bend it.
_SPEED_STEPS = 50


@dataclass(frozen=True, slots=True)
class Summary:
    """A run in one row. `started` is Unix time; `duration_s` counts only the time its attempts lived."""

    name: str
    folder: Path
    status: Status
    reason: str
    attempts: int
    step: int | None
    total: int | None
    loss: float | None
    started: float | None
    duration_s: float
    tokens_per_s: float | None
    project: str = ""
    tags: tuple[str, ...] = ()
    group: str = ""
    notes: str = ""
    pinned: bool = False
    archived: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The row as JSON values, with the folder as text."""
        return {**{one.name: getattr(self, one.name) for one in fields(self)}, "folder": str(self.folder)}


def find(name: str, root: Path = ROOT) -> Path:
    """The run folder of that name under `root`, or at that path. Raises RunError with the nearest name."""
    root = Path(root)
    given = user_path(name)
    for path in (given, root / given):
        if is_run(path):
            return path
    names = [folder.name for folder in folders(root)]
    import difflib

    near = difflib.get_close_matches(Path(name).name, names, n=1)
    if near:
        raise RunError(f"no run `{name}`", at=str(root), hint=f"did you mean `{near[0]}`?")
    hint = f"one of: {', '.join(names[:8])}" if names else f"`{STARTS}` starts a run"
    raise RunError(f"no run `{name}`", at=str(root), hint=hint)


def free_name(run: Path) -> str:
    """A name that no run beside this one has, for one that is to be like it: `first-2`."""
    stem, _, number = run.name.rpartition("-")
    stem, first = (stem, int(number) + 1) if stem and number.isdecimal() and len(number) < 4 else (run.name, 2)
    return next(name for n in itertools.count(first) if not os.path.lexists(run.parent / (name := f"{stem}-{n}")))


def latest_names(root: Path, num: int) -> list[str]:
    """The names of the runs that were made last, by the times of their folders."""
    return [folder.name for folder in sorted(folders(root), key=lambda one: -one.stat().st_mtime)[:num]]


def history(folder: Path) -> History:
    """The logs of a run folder."""
    return History(Path(folder) / LOGS)


def summarize(folder: Path, logs: History | None = None, said: Described | None = None) -> Summary:
    """A run in one row, from its logs and what they say of it if that has been read already."""
    folder = Path(folder)
    logs = logs or history(folder)
    said = said or described(logs)
    losses, speeds = logs.recent("loss"), logs.recent("tokens_per_s")
    return Summary(
        name=os.path.basename(os.path.abspath(folder)),
        folder=folder,
        status=logs.status,
        reason=logs.reason,
        attempts=len(logs.spans),
        step=logs.last_step,
        total=said.total,
        loss=float(losses[-1]) if len(losses) else None,
        started=logs.spans[0][0] if logs.spans else None,
        duration_s=sum(last - first for first, last in logs.spans),
        tokens_per_s=_middle(speeds[-_SPEED_STEPS:]),
        project=str(said.about.get("project") or ""),
        tags=tuple(map(str, said.about.get("tags") or ())),
        group=str(said.about.get("group") or ""),
        notes=str(said.about.get("notes") or ""),
        pinned=bool(said.about.get("pinned")),
        archived=bool(said.about.get("archived")),
    )


def _middle(values: np.ndarray) -> float | None:
    return float(sorted(values)[len(values) // 2]) if len(values) else None


def folders(root: Path) -> list[Path]:
    """The run folders under a root, by name."""
    root = Path(root)
    if not root.is_dir():
        return []
    return [root / name for name in sorted(os.listdir(root)) if is_run(f"{root}/{name}")]


def is_run(path: Path | str) -> bool:
    """Whether a folder is a run's."""
    return any(os.path.exists(f"{path}/{marker}") for marker in _MARKERS)
