"""What a run has recorded that tells it from another: settings, environment, and step by step rows, figures, state."""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from whet.base.documents import field as entry
from whet.base.errors import WhetError
from whet.base.sealed import read_sealed
from whet.track.reading.read import History
from whet.track.reading.rows import flat
from whet.track.reading.store import history
from whet.track.recorded.machine_reading import environments
from whet.track.recorded.rows import every_step
from whet.track.script.described import described

# A row: file, row and part.
Place = tuple[str, int, int]
STATE = "state"
# Facts of a run's start that name the process or the place, and figures that are no part of the arithmetic.
_NO_CAUSE = ("pid", "host", "folder", "executable", "command", "variables.MASTER_PORT", "git.diff", "git.untracked")
_CLOCKS = ("seconds", "mfu", "flops", "peak_bytes", "tracker/dropped")


@dataclass(frozen=True, slots=True)
class StepEvidence:
    """One step over all ranks. `rows`: the digests of all sequences that come of a row (both of a pair, all answers to
    a prompt), ascending, and a loss. `batches`: rank, micro-batch and row in the order of sums. Figures are float64
    bits."""

    rows: Mapping[Place, tuple[tuple[int, ...], float]] = field(default_factory=dict)
    batches: tuple[tuple[str, int, Place], ...] = ()
    figures: Mapping[str, bytes] = field(default_factory=dict)
    states: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Evidence:
    """A run's settings and environment, flat by name, digests of the `files` it depends on, and its steps."""

    settings: Mapping[str, Any]
    files: Mapping[str, str]
    environment: Mapping[str, Any]
    steps: Mapping[int, StepEvidence]


def evidence_of(folder: Path) -> Evidence:
    """All of a run. What it did not record is empty."""
    logs = history(folder)
    rows: dict[int, dict[Place, tuple[tuple[int, ...], float]]] = defaultdict(dict)
    batches: dict[int, list[tuple[str, int, Place]]] = defaultdict(list)
    for one in every_step(folder):
        for index in range(len(one)):
            name, row, part = one.place(index)
            place = (Path(name).name, row, part)
            digest, loss = (one.columns[key][index] if key in one.columns else 0 for key in ("digest", "loss"))
            others = rows[one.step][place][0] if place in rows[one.step] else ()
            rows[one.step][place] = tuple(sorted((*others, int(digest)))), float(loss)
            batches[one.step].append((one.rank, int(one.columns["batch"][index]), place))
    figures, states = _figures(logs), _states(logs)
    steps = {
        at: StepEvidence(rows.get(at, {}), tuple(batches.get(at, ())), figures.get(at, {}), states.get(at, {}))
        for at in sorted({*rows, *figures, *states})
    }
    return Evidence(_settings(folder, logs), _files(folder), _environment(folder, logs), steps)


def _settings(folder: Path, logs: History) -> dict[str, Any]:
    """What a training began with; of a script its config."""
    if found := _dependencies(folder, "settings"):
        return dict(flat(found))
    is_of_training = bool(logs.events("started"))
    return {} if is_of_training else dict(flat(described(logs).config))


def _files(folder: Path) -> dict[str, str]:
    """By place in the config and name the digest of each file that a training depends on."""
    found = {}
    for place, told in _dependencies(folder, "depends_on").items():
        with suppress(KeyError, TypeError, AttributeError):
            found.update({f"{place}: {name}": str(file["digest"]) for name, file in told["files"].items()})
    return found


def _dependencies(folder: Path, part: str) -> dict[str, Any]:
    """A part of what a training wrote down when it began; nothing where it did not, or it is damaged."""
    path = folder / "dependencies.json"
    if path.exists():
        with suppress(WhetError):
            return dict(entry(read_sealed(path), part, dict, at=str(path)))
    return {}


def _environment(folder: Path, logs: History) -> dict[str, Any]:
    """Of the last start: facts that a training tells, and what the machine tells."""
    found: dict[str, Any] = {}
    for event in logs.events("started"):
        facts = event.payload.get("facts")
        found.update(flat(facts if isinstance(facts, Mapping) else {}))
    for told in environments(folder, logs)[-1:]:
        found.update(flat(told))
    return {name: value for name, value in found.items() if name not in _NO_CAUSE}


def _figures(logs: History) -> dict[int, dict[str, bytes]]:
    """The bits of each figure that the run's speaker logged, by step; what tells only time is left out."""
    found: dict[int, dict[str, bytes]] = defaultdict(dict)
    for name in logs.names():
        if name in _CLOCKS or name.endswith(("_s", "seconds")):
            continue
        for step, value in zip(*logs.scalar(name), strict=True):
            found[int(step)][name] = struct.pack("<d", value)
    return found


def _states(logs: History) -> dict[int, dict[str, Mapping[str, Any]]]:
    """By step and writer; of attempts that went over a step the last one's."""
    found: dict[int, dict[str, Mapping[str, Any]]] = defaultdict(dict)
    for event in sorted(logs.events(STATE), key=lambda one: one.attempt):
        found[event.step][event.writer] = event.payload
    return found
