"""Read what the machine told of a run: its environment at each start, and what energy and money it took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whet.track.reading.read import History
from whet.track.reading.store import LOGS
from whet.track.recorded.machine import WRITER

ENVIRONMENT, ENERGY, COST = "environment", "energy_j", "cost"


@dataclass(frozen=True, slots=True)
class Spent:
    """Over all machines and attempts of a run; None is not told. Money is in the currency of the prices."""

    energy_j: float | None
    cost: float | None


def environments(folder: Path, logs: History | None = None) -> list[Mapping[str, Any]]:
    """Of each start of the run its environment on the first machine, the oldest first; nothing where none is told."""
    logs = logs or History(Path(folder) / LOGS)
    found: dict[int, dict[str, Any]] = {}
    for event in logs.events(ENVIRONMENT):
        if event.writer == WRITER:
            found.setdefault(event.attempt, {}).update(event.payload)
    return [found[attempt] for attempt in sorted(found)]


def spent(folder: Path, logs: History | None = None) -> Spent:
    """The energy and cost that samples have added up."""
    logs = logs or History(Path(folder) / LOGS)
    return Spent(_total(logs, ENERGY), _total(logs, COST))


def _total(logs: History, name: str) -> float | None:
    """The last value of a curve that starts anew with each attempt, added over attempts and machines."""
    last: dict[tuple[str, int], float] = {}
    for part in logs.since().points:
        if part.name == name and part.writer.startswith(WRITER):
            last[part.writer, part.attempt] = float(part.values[-1])
    return sum(last.values()) if last else None
