"""What a run has recorded that tells it from another: settings, environment, and step by step rows, figures, state."""

from __future__ import annotations

import heapq
import itertools
import struct
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import reduce
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whet.base.documents import field as entry
from whet.base.errors import WhetError
from whet.base.sealed import read_sealed
from whet.track.reading import attempts
from whet.track.reading.read import History
from whet.track.reading.rows import flat
from whet.track.reading.store import history
from whet.track.recorded.machine_reading import environments
from whet.track.recorded.row_frames import StepRows
from whet.track.recorded.rows import source_names, step_by_step
from whet.track.script.described import described

if TYPE_CHECKING:
    import numpy as np

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

    step: int
    rows: Mapping[Place, tuple[tuple[int, ...], float]] = field(default_factory=dict)
    batches: tuple[tuple[str, int, Place], ...] = ()
    figures: Mapping[str, bytes] = field(default_factory=dict)
    states: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Evidence:
    """A run's settings and environment, flat by name, digests of the `files` it depends on, and `states` by step and
    writer. Its steps are read as they are asked for, and not kept."""

    folder: Path
    settings: Mapping[str, Any]
    files: Mapping[str, str]
    environment: Mapping[str, Any]
    states: Mapping[int, Mapping[str, Mapping[str, Any]]]
    logs: History

    def depth(self) -> int:
        """How many last parts of a path tell the sources of rows apart."""
        paths = [Path(name).parts for name in source_names(self.folder)]
        deepest = max(map(len, paths), default=1)
        return next((depth for depth in range(1, deepest) if _are_apart(paths, depth)), deepest)

    def steps(self, depth: int) -> Iterator[StepEvidence]:
        """All steps in order. Sources of rows are named by so many last parts of their paths."""
        merged = heapq.merge(
            (StepEvidence(step, *_rows(found, depth)) for step, found in step_by_step(self.folder)),
            _figures(self.logs),
            (StepEvidence(step, states=states) for step, states in sorted(self.states.items())),
            key=_step,
        )
        for step, parts in itertools.groupby(merged, key=_step):
            yield reduce(_together, parts, StepEvidence(step))


def evidence_of(folder: Path) -> Evidence:
    """All of a run. What it did not record is empty."""
    logs = history(folder)
    settings, environment = _settings(folder, logs), _environment(folder, logs)
    return Evidence(Path(folder), settings, files_of(folder), environment, _states(logs), logs)


def _step(one: StepEvidence) -> int:
    return one.step


def _together(one: StepEvidence, other: StepEvidence) -> StepEvidence:
    """What two parts tell of a step: each field comes from one of them."""
    return StepEvidence(
        one.step, one.rows or other.rows, one.batches or other.batches, one.figures or other.figures,
        one.states or other.states,
    )  # fmt: skip


def _are_apart(paths: Sequence[tuple[str, ...]], depth: int) -> bool:
    return len({parts[-depth:] for parts in paths}) == len(paths)


def _rows(found: Sequence[StepRows], depth: int) -> tuple[dict[Place, Any], tuple[tuple[str, int, Place], ...]]:
    """A step's rows of all ranks by their places, and their places in the order of sums."""
    rows: dict[Place, tuple[tuple[int, ...], float]] = {}
    batches = []
    for one in found:
        for index in range(len(one)):
            name, row, part = one.place(index)
            place = ("/".join(Path(name).parts[-depth:]), row, part)
            digest, loss = (one.columns[key][index] if key in one.columns else 0 for key in ("digest", "loss"))
            others = rows[place][0] if place in rows else ()
            rows[place] = tuple(sorted((*others, int(digest)))), float(loss)
            batches.append((one.rank, int(one.columns["batch"][index]), place))
    return rows, tuple(batches)


def _settings(folder: Path, logs: History) -> dict[str, Any]:
    """What a training began with; of a script its config."""
    if found := _dependencies(folder, "settings"):
        return dict(flat(found))
    is_of_training = bool(logs.events("started"))
    return {} if is_of_training else dict(flat(described(logs).config))


def files_of(folder: Path) -> dict[str, str]:
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


def _figures(logs: History) -> Iterator[StepEvidence]:
    """The bits of each figure that the run's speaker logged, step by step; what tells only time is left out."""
    kept = [name for name in logs.names() if name not in _CLOCKS and not name.endswith(("_s", "seconds"))]
    merged = heapq.merge(*(_points(name, *logs.scalar(name)) for name in kept), key=itemgetter(0))
    for step, points in itertools.groupby(merged, key=itemgetter(0)):
        yield StepEvidence(step, figures={name: struct.pack("<d", value) for _, name, value in points})


def _points(name: str, steps: np.ndarray, values: np.ndarray) -> Iterator[tuple[int, str, float]]:
    """A curve by its steps; of several values at one the last comes last."""
    order = steps.argsort(kind="stable")
    return ((int(steps[place]), name, float(values[place])) for place in order)


def _states(logs: History) -> dict[int, dict[str, Mapping[str, Any]]]:
    """By step and writer, without what a later attempt went over again."""
    found: dict[int, dict[str, Mapping[str, Any]]] = defaultdict(dict)
    told = sorted(logs.events(STATE), key=lambda one: (one.writer, one.attempt))
    for writer, events in itertools.groupby(told, key=lambda one: one.writer):
        tries = [list(some) for _, some in itertools.groupby(events, key=lambda one: one.attempt)]
        for some, end in attempts.kept(tries, lambda some: min(one.step for one in some)):
            for event in some:
                if event.step < end:
                    found[event.step][writer] = event.payload
    return found
