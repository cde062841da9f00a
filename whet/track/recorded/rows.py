"""Which rows each step learned from: where each came from, its loss, its tokens' digest, and what else was known of it.

A file a rank and attempt beside the run's log, `r0.a1.rows`, of about 30 bytes a row (`whet.track.logs.frames`). One
step is found by an index (`whet.track.recorded.rows_index`).
"""

from __future__ import annotations

import heapq
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from whet.track.logs import frames
from whet.track.logs.event_log import EventLog
from whet.track.logs.own_index import EVERY_BYTES
from whet.track.reading import attempts
from whet.track.reading.store import LOGS
from whet.track.recorded.record_file import frames_of, record_files
from whet.track.recorded.row_frames import EPOCH, LENGTH, UNKNOWN, Known, StepRows
from whet.track.script.plain import to_json

if TYPE_CHECKING:
    import numpy as np


class RowsLog:
    """Writes the rows of steps. Never raises: what cannot be written is counted, and said once on stderr."""

    def __init__(self, folder: Path, writer: str, suffix: str = frames.ROWS_FILE) -> None:
        self._log = EventLog(folder, writer, suffix, _keep_index)
        self._sources: dict[str, int] = {}
        self._schemas: dict[tuple[tuple[str, str], ...], int] = {}

    def add(self, step: int, epoch: float, sources: Sequence[str | None], columns: Mapping[str, np.ndarray]) -> None:
        """The rows of a step: the source of each, and columns (n,) beside it."""
        import numpy as np

        try:
            numbers = np.array([UNKNOWN if name is None else self._source(step, name) for name in sources], "<u2")
            whole = {"source": numbers, **{name: _narrow(column) for name, column in columns.items()}}
            schema = self._schema(step, tuple((name, column.dtype.str) for name, column in whole.items()))
            body = b"".join([EPOCH.pack(epoch), *(column.tobytes() for column in whole.values())])
            self._log.frame(frames.ROWS, schema, step, body)
        except Exception as error:  # whatever it is, training goes on
            self._log.drop(error)

    def add_tokens(self, step: int, place: tuple[str, int, int], arrays: Sequence[np.ndarray]) -> None:
        """One row's tokens: its source, row and part, and `ids`, `places`, `targets`, `losses` of `RowTokens`."""
        try:
            about = to_json({"place": list(place), "sizes": [len(one) for one in arrays]})
            forms = ("<u4", "<u4", "<u4", "<f4")
            packed = (array.astype(form).tobytes() for array, form in zip(arrays, forms, strict=True))
            self._log.frame(frames.TOKENS, 0, step, b"".join([LENGTH.pack(len(about)), about, *packed]))
        except Exception as error:
            self._log.drop(error)

    def drop(self, error: Exception) -> None:
        """Count what could not be made into a record."""
        self._log.drop(error)

    def close(self) -> None:
        """Write the end, and bring the index of a long file up to date where much of it lies behind."""
        self._log.close("done", "")
        with suppress(OSError):
            if self._log.path.stat().st_size > EVERY_BYTES:
                _keep_index(self._log.path)

    def _source(self, step: int, name: str) -> int:
        if name not in self._sources:
            number = len(self._sources)
            if number >= UNKNOWN:
                return UNKNOWN
            if not self._log.frame(frames.SOURCES, number, step, to_json([name])):
                return UNKNOWN
            self._sources[name] = number
        return self._sources[name]

    def _schema(self, step: int, columns: tuple[tuple[str, str], ...]) -> int:
        if columns not in self._schemas:
            schema = len(self._schemas) % frames.MAX_SCHEMAS
            if self._log.frame(frames.COLUMNS, schema, step, to_json([list(one) for one in columns])):
                self._schemas[columns] = schema
            return schema
        return self._schemas[columns]


def _keep_index(path: Path) -> None:
    from whet.track.recorded.rows_index import RowsIndex

    RowsIndex.of(path)


def every_step(folder: Path) -> Iterator[StepRows]:
    """The rows of all steps, rank by rank and in order. An attempt replaces what earlier ones had from its first on."""
    for rank, paths in record_files(Path(folder) / LOGS, frames.ROWS_FILE).items():
        yield from _kept(paths, rank)


def step_by_step(folder: Path) -> Iterator[tuple[int, list[StepRows]]]:
    """The same, all ranks of a step together. No more than a step of each rank is held."""
    files = record_files(Path(folder) / LOGS, frames.ROWS_FILE)
    merged = heapq.merge(*(_kept(paths, rank) for rank, paths in files.items()), key=_step)
    for step, found in itertools.groupby(merged, key=_step):
        yield step, list(found)


def source_names(folder: Path) -> set[str]:
    """The names of all sources that rows came from."""
    files = record_files(Path(folder) / LOGS, frames.ROWS_FILE)
    found: set[str] = set()
    for path in itertools.chain.from_iterable(files.values()):
        for _, _, type, _, body in _frames(path):
            if type == frames.SOURCES:
                with suppress(ValueError, TypeError):
                    found.update(map(str, json.loads(body)))
    return found


def _kept(paths: Sequence[Path], rank: str) -> Iterator[StepRows]:
    """What no later attempt, by its rows, went over again."""
    for path, end in attempts.kept(paths, first_step):
        yield from (one for one in _rows(path, rank) if one.step < end)


def _step(one: StepRows) -> int:
    return one.step


def _rows(path: Path, rank: str) -> Iterator[StepRows]:
    """The steps in a file."""
    known = Known()
    for moment, step, type, schema, body in _frames(path):
        known.learn(type, schema, body)
        if type == frames.ROWS and (found := known.rows(rank, moment, step, schema, body)) is not None:
            yield found


def _frames(path: Path) -> Iterable[tuple[float, int, int, int, bytes]]:
    try:
        yield from frames_of(path)
    except OSError:  # gone, forbidden, on a disk that fails
        return


def first_step(path: Path) -> int | None:
    """The first step that a file has rows of; None of one without."""
    return next((one.step for one in _rows(path, "")), None)


def _narrow(column: np.ndarray) -> np.ndarray:
    """The column in 4 bytes an entry where nothing of it is lost."""
    import numpy as np

    if column.dtype.kind == "f":
        return column.astype("<f4")
    if not len(column) or (column.min() >= 0 and column.max() < 1 << 32):
        return column.astype("<u4")
    return column.astype(np.dtype("<i8"))
