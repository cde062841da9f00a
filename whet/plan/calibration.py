"""What runs of this machine took beside what was planned: a local table, that plans for its own card are read with."""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

NAME = "calibration.jsonl"
LATEST = 64  # runs that count; older ones were of other versions


@dataclass(frozen=True, slots=True)
class Compared:
    """A run that ended: what was planned of memory beyond weights and the optimizer's state, and what was measured."""

    card: str
    model_type: str
    planned_bytes: float
    measured_bytes: float


def note(run: Compared, folder: Path | None = None) -> None:
    """Add a run to the table in $WHET_CACHE, else ~/.cache/whet."""
    path = (folder or _cache()) / NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(run)) + "\n")


def compared(card: str, folder: Path | None = None) -> list[Compared]:
    """The last runs on a card. Lines that are none are passed over: the table is advice, and may be cut off."""
    try:
        lines = ((folder or _cache()) / NAME).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return [run for line in lines if (run := _read(line)) is not None and run.card == card][-LATEST:]


def words(runs: list[Compared]) -> Iterator[str]:
    """What they say, in a line; none where there are none."""
    shares = [run.measured_bytes / run.planned_bytes for run in runs]
    if shares:
        many, usual = f"{len(shares)} runs" if len(shares) > 1 else "a run", statistics.median(shares)
        spread = f"{min(shares):.3g} to {max(shares):.3g}"
        yield f"measured here: beyond weights and state {many} took {usual:.3g} times what was planned ({spread})"


def _read(line: str) -> Compared | None:
    try:
        told = json.loads(line)
        run = Compared(
            str(told["card"]), str(told["model_type"]), float(told["planned_bytes"]), float(told["measured_bytes"])
        )
    except (ValueError, KeyError, TypeError):
        return None
    return run if 0 < run.planned_bytes < 1e18 and 0 <= run.measured_bytes < 1e18 else None


def _cache() -> Path:
    return Path(os.environ.get("WHET_CACHE") or "~/.cache/whet").expanduser()
