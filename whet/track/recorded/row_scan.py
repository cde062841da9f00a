"""Rows of many steps in bounded memory: of some steps whole, of all of them, in one pass, what tells rows from others.

Heads are walked from frame to frame, and what is not asked for is neither checked nor unpacked.
"""

# n rows of several steps

from __future__ import annotations

import json
import zlib
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whet.base.regular import opened
from whet.track.logs import frames
from whet.track.reading import attempts
from whet.track.reading.store import LOGS
from whet.track.recorded.record_file import record_files
from whet.track.recorded.row_frames import EPOCH, StepRows, unpacked
from whet.track.recorded.rows import first_step
from whet.track.recorded.rows_index import RowsIndex

if TYPE_CHECKING:
    import numpy as np

_PIECE_BYTES = 1 << 24
# Digests of so many steps are given out together.
_STEPS = 4096
_LEAST = frames.STAMP.size
# No step has so many rows: such a head is damaged.
_LARGEST = 1 << 28


@dataclass(frozen=True, slots=True)
class Digests:
    """Of rows (n,) the digest of what was learned from, how many tokens were trained, the loss, and the step."""

    rank: str
    steps: np.ndarray
    digests: np.ndarray
    tokens: np.ndarray
    losses: np.ndarray


def rows_at(folder: Path, steps: Collection[int]) -> dict[int, list[StepRows]]:
    """By step its rows, a value a rank; of attempts that went over a step, the last one's."""
    found: dict[int, list[StepRows]] = {}
    for rank, paths in record_files(Path(folder) / LOGS, frames.ROWS_FILE).items():
        for path, end in attempts.kept(paths, first_step):
            known = RowsIndex.of(path)
            for step in sorted(step for step in steps if step < end):
                for one in known.rows(step, rank):
                    found.setdefault(step, []).append(one)
    return found


def evaluated_rows(folder: Path) -> list[StepRows]:
    """The rows that were measured and not learned from, of the newest attempt that says so, a value a rank."""
    files = record_files(Path(folder) / LOGS, frames.HELD_OUT_FILE)
    newest = [(rank, list(_steps(paths[-1], rank))) for rank, paths in files.items()]
    return [one for _, rows in newest for one in rows]


def every_digest(folder: Path) -> Iterator[Digests]:
    """What tells the rows of all steps, rank by rank, in pieces of some thousand steps."""
    for rank, paths in record_files(Path(folder) / LOGS, frames.ROWS_FILE).items():
        for path, end in attempts.kept(paths, first_step):
            yield from _digests(path, rank, end)


def _steps(path: Path, rank: str) -> Iterator[StepRows]:
    """The rows of all steps."""
    sources: dict[int, str] = {}
    for step, type, schema, columns, payload in _walk(path, sources):
        if type != frames.ROWS:
            continue
        with suppress(ValueError, KeyError):
            moment, _ = frames.STAMP.unpack_from(payload)
            body = bytes(payload[_LEAST:])
            [epoch] = EPOCH.unpack_from(body)
            yield StepRows(step, moment, rank, epoch, sources, unpacked(body[EPOCH.size :], columns[schema]))


def _digests(path: Path, rank: str, end: float) -> Iterator[Digests]:
    import numpy as np

    names = {"digest": "digests", "tokens": "tokens", "loss": "losses"}
    parts: dict[str, list[np.ndarray]] = {name: [] for name in ("steps", *names.values())}

    def joined() -> Digests:
        arrays = {name: np.concatenate(some) for name, some in parts.items()}
        for some in parts.values():
            some.clear()
        return Digests(rank, **arrays)

    for step, type, schema, columns, payload in _walk(path, {}):
        if type != frames.ROWS or step >= end or not names.keys() <= {name for name, _ in columns.get(schema, ())}:
            continue
        found = unpacked(bytes(payload[_LEAST + EPOCH.size :]), columns[schema])
        parts["steps"].append(np.full(len(found["digest"]), step))
        for name, own in names.items():
            parts[own].append(found[name])
        if len(parts["steps"]) == _STEPS:
            yield joined()
    if parts["steps"]:
        yield joined()


def _walk(
    path: Path, sources: dict[int, str]
) -> Iterator[tuple[int, int, int, dict[int, list[tuple[str, np.dtype[Any]]]], memoryview]]:
    """Step, type, schema id, columns by schema, and payload of each frame, up to the first that is damaged.

    Frames of rows are not checked against their sums: a digest that is damaged is one that fits none.
    """
    import numpy as np

    columns: dict[int, list[tuple[str, np.dtype[Any]]]] = {}
    for head, payload in _payloads(path):
        _, check, type, schema = head
        if type in (frames.COLUMNS, frames.SOURCES):
            if zlib.crc32(payload, frames.label(type, schema)[1]) != check:
                return
            with suppress(ValueError, TypeError):
                told = json.loads(bytes(payload[_LEAST:]))
                if type == frames.SOURCES:
                    sources.update(enumerate(map(str, told), schema))
                else:
                    columns[schema] = [(str(name), np.dtype(form)) for name, form in told]
        yield frames.STAMP.unpack_from(payload)[1], type, schema, columns, payload


def _payloads(path: Path) -> Iterator[tuple[tuple[int, int, int, int], memoryview]]:
    """Head and payload of each whole frame; nothing behind a head that cannot be one, nor of a file that is gone."""
    rest, head_bytes = b"", frames.HEAD.size
    with suppress(OSError), opened(path, "rb") as file:
        if not frames.format_of(file.read(len(frames.MAGIC))):
            return
        while piece := file.read(_PIECE_BYTES):
            data, place = rest + piece, 0
            view = memoryview(data)
            while place + head_bytes <= len(data):
                head = frames.HEAD.unpack_from(data, place)
                end = place + head_bytes + head[0]
                if not _LEAST <= head[0] <= _LARGEST:
                    return
                if end > len(data):
                    break
                yield head, view[place + head_bytes : end]
                place = end
            rest = data[place:]
