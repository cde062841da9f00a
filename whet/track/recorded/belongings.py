"""What lies in a run folder beside its logs: refused rows, checkpoints, evaluations, exports. Damage is passed over."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whet.base.documents import read_object
from whet.base.errors import WhetError
from whet.base.regular import opened

_CHECKPOINT = re.compile(r"step-(\d{8,})")
_EVALUATION = re.compile(r"(.+)-(\d{8}-\d{6}-\d{1,6})\.json")
# A line of a ledger that is longer is none.
_LINE_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that did not come through whole (`whet.data.store.ledger`)."""

    source: str
    row: int
    action: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class RefusedRows:
    """A part of the rows, how many there are in all, and of each action and reason."""

    rows: list[RefusedRow]
    total: int
    counts: dict[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class KeptCheckpoint:
    """A checkpoint that lies in the folder: `path` within it; `time` is Unix time."""

    step: int
    path: str
    bytes: int
    time: float


@dataclass(frozen=True, slots=True)
class KeptEvaluation:
    """What `whet evaluate` found: the file, the task, when, and the result as it was written."""

    path: str
    task: str
    time: float
    result: dict[str, Any]


@dataclass(frozen=True, slots=True)
class KeptModel:
    """A model that the run wrote, or was exported to: `path` within the folder."""

    path: str
    bytes: int
    time: float


def refused_rows(folder: Path, start: int = 0, limit: int = 1000, text: str = "") -> RefusedRows:
    """Rows of the ledger that hold a text, from one on. O(size of the ledger), which is read line by line."""
    found: list[RefusedRow] = []
    counts: Counter[tuple[str, str]] = Counter()
    total, wanted = 0, text.casefold()
    for one in _entries(folder / "ledger.jsonl"):
        if wanted and wanted not in f"{one.source} {one.row} {one.action} {one.reason} {one.detail}".casefold():
            continue
        counts[one.action, one.reason] += 1
        if start <= total < start + limit:
            found.append(one)
        total += 1
    return RefusedRows(found, total, dict(counts))


def checkpoints(folder: Path) -> list[KeptCheckpoint]:
    """Whole checkpoints by step."""
    place = folder / "checkpoints"
    found = []
    for path in _entries_of(place):
        match = _CHECKPOINT.fullmatch(path.name)
        if match and path.is_dir() and not path.is_symlink():
            size, moment = _measured(path)
            found.append(KeptCheckpoint(int(match[1]), f"checkpoints/{path.name}", size, moment))
    return sorted(found, key=lambda one: one.step)


def evaluations(folder: Path) -> list[KeptEvaluation]:
    """Results by time, the oldest first."""
    found = []
    for path in _entries_of(folder / "evaluations"):
        match = _EVALUATION.fullmatch(path.name)
        if match and path.is_file():
            with suppress(WhetError, OSError):
                told = read_object(path)
                found.append(KeptEvaluation(f"evaluations/{path.name}", match[1], path.stat().st_mtime, told))
    return sorted(found, key=lambda one: one.time)


def models(folder: Path) -> list[KeptModel]:
    """The model that the run wrote, and each of its exports."""
    places = [folder / "model", *(path for path in _entries_of(folder / "exports"))]
    found = []
    for path in places:
        if path.exists() and not path.is_symlink():
            size, moment = _measured(path)
            found.append(KeptModel(path.relative_to(folder).as_posix(), size, moment))
    return found


def _entries(path: Path) -> Iterator[RefusedRow]:
    with suppress(OSError), opened(path, "rb") as file:
        while line := file.readline(_LINE_BYTES):
            with suppress(ValueError, TypeError, KeyError, RecursionError):
                told = json.loads(line)
                action, reason, detail = str(told["action"]), str(told["reason"]), str(told.get("detail") or "")
                yield RefusedRow(str(told["source"]), int(told["row"]), action, reason, detail)


def _entries_of(folder: Path) -> list[Path]:
    with suppress(OSError):
        return sorted(folder.iterdir())
    return []


def _measured(path: Path) -> tuple[int, float]:
    """Bytes in a file or below a folder, links left out, and the time of it."""
    size = 0
    with suppress(OSError):
        if path.is_file():
            return path.stat().st_size, path.stat().st_mtime
        for place, folders, names in os.walk(path):
            folders.sort()
            for name in names:
                with suppress(OSError):
                    size += os.lstat(os.path.join(place, name)).st_size
        return size, path.stat().st_mtime
    return size, 0.0
