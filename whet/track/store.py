"""The store: run folders under a root, found by name, each summed up from its logs.

runs/<name>/  config.yaml  plan.json  ledger.jsonl  controls  track/  checkpoints/  model/
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whet.base.errors import RunError
from whet.base.paths import user_path
from whet.track.read import History, Status

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

    def to_dict(self) -> dict[str, Any]:
        """The row as JSON values, with the folder as text."""
        return {**asdict(self), "folder": str(self.folder)}


def runs(root: Path = ROOT) -> list[Summary]:
    """All runs under `root`, the latest started first. Reads every run's log: about 2 s of CPU a million steps."""
    found = [summarize(folder) for folder in _folders(Path(root))]
    return sorted(found, key=lambda run: (run.started or 0.0, run.name), reverse=True)


def find(name: str, root: Path = ROOT) -> Path:
    """The run folder of that name under `root`, or at that path. Raises RunError with the nearest name."""
    root = Path(root)
    given = user_path(name)
    for path in (given, root / given):
        if _is_run(path):
            return path
    names = [folder.name for folder in _folders(root)]
    import difflib

    near = difflib.get_close_matches(Path(name).name, names, n=1)
    if near:
        raise RunError(f"no run `{name}`", at=str(root), hint=f"did you mean `{near[0]}`?")
    hint = f"one of: {', '.join(names[:8])}" if names else "`whet train CONFIG` starts a run"
    raise RunError(f"no run `{name}`", at=str(root), hint=hint)


def history(folder: Path) -> History:
    """The logs of a run folder."""
    return History(Path(folder) / LOGS)


def summarize(folder: Path, logs: History | None = None) -> Summary:
    """A run in one row, from its logs if they have been read already."""
    folder = Path(folder)
    logs = logs or history(folder)
    started = [event for event in logs.events("started") if event.writer == logs.speaker]
    losses, speeds = logs.scalar("loss")[1], logs.scalar("tokens_per_s")[1]
    return Summary(
        name=folder.resolve().name,
        folder=folder,
        status=logs.status,
        reason=logs.reason,
        attempts=len(logs.spans),
        step=logs.last_step,
        total=started[-1].payload.get("total") if started else None,
        loss=float(losses[-1]) if len(losses) else None,
        started=logs.spans[0][0] if logs.spans else None,
        duration_s=sum(last - first for first, last in logs.spans),
        tokens_per_s=_middle(speeds[-_SPEED_STEPS:]),
    )


def _middle(values: np.ndarray) -> float | None:
    return float(sorted(values)[len(values) // 2]) if len(values) else None


def _folders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if _is_run(path)) if root.is_dir() else []


def _is_run(path: Path) -> bool:
    return any((path / marker).exists() for marker in _MARKERS)
