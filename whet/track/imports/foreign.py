"""A run of another tracker on its way into the store: who it is, and its records in the order they were logged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Numbers:
    """Values at a step, as of a Unix time."""

    time: float
    step: int
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Said:
    """An event of ours: `config`, `summary`, `labels`, `run`, `values`."""

    time: float
    step: int
    kind: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Thing:
    """Media at a step: bytes, or a file that lies beside the source; `about` is what else its entry says."""

    time: float
    step: int
    name: str
    kind: str
    source: bytes | Path | None
    suffix: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class End:
    """How it ended: `done`, `stopped` or `failed`. A run without an end reads as killed."""

    time: float
    outcome: str
    reason: str = ""


Record = Numbers | Said | Thing | End


@dataclass(slots=True)
class Foreign:
    """A run as a reader found it. `key` tells it from all other runs of its tracker, wherever its files lie.

    `content` changes when there is something new in them. `notes` are what could not be read, filled as records are.
    """

    tracker: str
    key: str
    name: str
    content: str
    started: float
    about: Mapping[str, Any]
    records: Iterable[Record]
    notes: list[str] = field(default_factory=list)


class Reader(Protocol):
    """A module that knows one form: which of some files are its runs, and what is in them."""

    TRACKER: str

    def runs(self, files: Iterable[Path], top: Path) -> Iterator[Foreign]:
        """The runs among the files below `top`."""
        ...


def number_of(value: Any) -> float | None:
    """A number, also one that JSON lacks and that is told by its name; None of anything else."""
    if isinstance(value, bool | int | float):
        try:
            return float(value)
        except OverflowError:
            return None
    return {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}.get(value) if isinstance(
        value, str
    ) else None  # fmt: skip


def step_of(value: Any) -> int:
    """A step: a whole number, also as text or as a float that is one. Raises ValueError for a truth, 2.5, infinity."""
    if isinstance(value, str) and len(value) < 400:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("no step")
    return value


def sorted_values(values: Mapping[str, Any], prefix: str = "") -> tuple[dict[str, float], dict[str, Any]]:
    """Numbers of a row, those of mappings inside with names joined by dots, and all that is none."""
    numbers: dict[str, float] = {}
    others: dict[str, Any] = {}
    for name, value in values.items():
        number = number_of(value)
        if number is not None:
            numbers[f"{prefix}{name}"] = number
        elif isinstance(value, Mapping) and value and "_type" not in value:
            inner, rest = sorted_values(value, f"{prefix}{name}.")
            numbers.update(inner)
            others.update(rest)
        else:
            others[f"{prefix}{name}"] = value
    return numbers, others


def beside(folder: Path, path: Any) -> Path | None:
    """A file that a source names relative to a folder; None where it would lie elsewhere, or is none.

    A folder that is itself a link leads elsewhere.
    """
    if not isinstance(path, str) or not path or "\0" in path:
        return None
    found = folder / path
    try:
        home = folder.parent.resolve() / folder.name
        return found if found.is_file() and found.resolve().is_relative_to(home) else None
    except OSError:
        return None
