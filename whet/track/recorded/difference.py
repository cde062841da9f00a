"""Where two runs part: the first step at which they differ, in what, and the first thing that explains it."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whet.track.recorded.evidence import Evidence, StepEvidence, evidence_of

# What is looked at within a step, in the order in which it comes about.
WEIGHTS_BEFORE, ROWS, CONTENT, BATCHES = "weights before it", "rows", "content of rows", "micro-batches"
FIRST_FIGURES, WEIGHTS = ("lr", "loss", "grad_norm"), "weights after it"
# What can explain each of them: settings by their beginnings, the likeliest first. All else: any setting.
_EXPLAINS: Mapping[str, tuple[str, ...]] = {
    WEIGHTS_BEFORE: ("seed", "model", "tuner", "train.precision", "train.dtype"),
    ROWS: ("seed", "data", "train.batch", "train.steps", "train.epochs", "train.tokens", "rollout", "rewards", "model"),
    CONTENT: ("data", "model", "objective", "rollout", "rewards", "seed"),
    BATCHES: ("train.micro_batch", "train.batch", "parallel", "model", "tuner"),
    "lr": ("optimizer", "schedule", "train.steps", "train.epochs", "train.tokens", "train.batch", "data"),
}
# Settings that change no step.
_HARMLESS = (
    "name",
    "track",
    "evaluate",
    "train.checkpoint_every",
    "train.keep",
    "train.watchdog",
    "parallel.timeout_s",
)
# Of the environment what decides arithmetic, the likeliest first.
_ARITHMETIC = (
    "threads", "ranks", "device", "precision", "micro_batch", "cpu", "torch", "transformers", "hardware", "variables",
    "packages.torch", "packages.transformers", "packages.numpy", "packages", "python", "git", "system",
)  # fmt: skip
_FEW = 5


@dataclass(frozen=True, slots=True)
class Cause:
    """What may explain a parting: a setting, a part of the environment, a row, a state; with both runs' values."""

    kind: str
    name: str
    first: Any
    second: Any


@dataclass(frozen=True, slots=True)
class Parting:
    """The first step at which two runs differ and in what, with both values, or rows that only one of them has."""

    step: int
    what: str
    first: Any
    second: Any


@dataclass(frozen=True, slots=True)
class Difference:
    """`parting` is None where nothing differs in the steps that both have, `num_steps` of them. `causes`: the first is
    the one that explains it, others differ as well. Without any, nothing that is recorded explains it."""

    parting: Parting | None
    causes: tuple[Cause, ...]
    num_steps: int

    @property
    def cause(self) -> Cause | None:
        return self.causes[0] if self.causes else None


def difference(first: Path, second: Path) -> Difference:
    """Compare two run folders by what they recorded: bits of figures, rows with digests, digests of state."""
    one, other = evidence_of(Path(first)), evidence_of(Path(second))
    depth = max(one.depth(), other.depth())
    parting, num_steps, is_start = None, 0, True
    for ours, theirs in _common(one.steps(depth), other.steps(depth)):
        parting = parting or next(_partings(ours, theirs, is_start), None)
        num_steps, is_start = num_steps + bool(ours.figures or ours.rows), False
    return Difference(parting, tuple(_causes(parting, one, other)) if parting else (), num_steps)


def _common(
    first: Iterator[StepEvidence], second: Iterator[StepEvidence]
) -> Iterator[tuple[StepEvidence, StepEvidence]]:
    """The steps that both have, in order, of two streams in order."""
    one, other = next(first, None), next(second, None)
    while one is not None and other is not None:
        if one.step == other.step:
            yield one, other
        behind = min(one.step, other.step)
        one = next(first, None) if one.step == behind else one
        other = next(second, None) if other.step == behind else other


def _partings(one: StepEvidence, other: StepEvidence, is_start: bool) -> Iterator[Parting]:
    """What differs at a step, in the order in which it comes about."""
    step = one.step
    if one.rows and other.rows:
        yield from _of_rows(step, one, other)
    names = [*FIRST_FIGURES, *sorted({*one.figures, *other.figures} - {*FIRST_FIGURES})]
    for name in names:
        if name in one.figures and name in other.figures and one.figures[name] != other.figures[name]:
            yield Parting(step, name, _number(one.figures[name]), _number(other.figures[name]))
    digests = [{w: state.get("weights") for w, state in side.states.items()} for side in (one, other)]
    if all(digests) and digests[0] != digests[1]:
        is_before = is_start and not one.figures and not one.rows
        yield Parting(step, WEIGHTS_BEFORE if is_before else WEIGHTS, *digests)


def _of_rows(step: int, one: StepEvidence, other: StepEvidence) -> Iterator[Parting]:
    only = [sorted(a.rows.keys() - b.rows.keys()) for a, b in ((one, other), (other, one))]
    if any(only):
        yield Parting(step, ROWS, *(part[:_FEW] for part in only))
        return
    changed = [place for place in one.rows if one.rows[place][0] != other.rows[place][0]]
    if changed:
        told = [{place: side.rows[place][1] for place in changed[:_FEW]} for side in (one, other)]
        yield Parting(step, CONTENT, *told)
    elif one.batches != other.batches:
        yield Parting(
            step, BATCHES, *([*{(rank, number) for rank, number, _ in side.batches}] for side in (one, other))
        )


def _causes(parting: Parting, first: Evidence, second: Evidence) -> Iterator[Cause]:
    """What explains a parting: settings that decide it, then rows that were changed, state, and the environment."""
    settings = list(_differing(first.settings, second.settings, "setting"))
    told = _EXPLAINS.get(parting.what)
    if told is None:
        yield from (one for one in settings if not one.name.startswith(_HARMLESS))
    else:
        for beginning in told:
            yield from (one for one in settings if one.name.startswith(beginning))
    if parting.what == CONTENT:
        for place in parting.first:
            yield Cause("row", f"{place[0]} row {place[1]}", "its tokens", "other tokens")
    if parting.what in (CONTENT, ROWS, WEIGHTS_BEFORE):
        yield from _differing(first.files, second.files, "file")
    if parting.what == ROWS:
        yield from _of_loader(first, second)
    yield from _of_environment(first, second)
    if told is None:
        yield from _of_generators(parting.step, first, second)


def _of_loader(first: Evidence, second: Evidence) -> Iterator[Cause]:
    """Data that is not the same, by what the loader said of it at the first common step."""
    for step in sorted(first.states.keys() & second.states.keys()):
        for writer, state in first.states[step].items():
            loader, other = (s.get("loader") or {} for s in (state, second.states[step].get(writer, {})))
            yield from _differing(loader, other, "loader")
            return


def _of_generators(until: int, first: Evidence, second: Evidence) -> Iterator[Cause]:
    for step in sorted(first.states.keys() & second.states.keys()):
        for writer, state in first.states[step].items():
            other = second.states[step].get(writer, {})
            if step <= until and other and state.get("generators") != other.get("generators"):
                yield Cause("state", f"generators at step {step}", state.get("generators"), other.get("generators"))
                return


def _of_environment(first: Evidence, second: Evidence) -> Iterator[Cause]:
    found = list(_differing(first.environment, second.environment, "environment"))
    seen: set[str] = set()
    for beginning in _ARITHMETIC:
        for one in found:
            if one.name not in seen and (one.name == beginning or one.name.startswith(f"{beginning}.")):
                seen.add(one.name)
                yield one


def _differing(first: Mapping[str, Any], second: Mapping[str, Any], kind: str) -> Iterator[Cause]:
    """Entries in which both differ. What only one side tells of at all is no difference: it may not have been asked."""
    if not first or not second:
        return
    for name in dict.fromkeys([*first, *second]):
        if first.get(name) != second.get(name):
            yield Cause(kind, name, first.get(name), second.get(name))


def _number(bits: bytes) -> float:
    return struct.unpack("<d", bits)[0]
