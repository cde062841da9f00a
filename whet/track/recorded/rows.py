"""Which rows each step learned from: where each came from, its loss, its tokens' digest, and what else was known of it.

A file a rank and attempt beside the run's log, `r0.a1.rows`, of about 30 bytes a row (`whet.track.logs.frames`). One
step is found by an index (`whet.track.recorded.rows_index`).
"""

# n rows of one step on one rank

from __future__ import annotations

import heapq
import itertools
import json
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whet.track.logs import frames
from whet.track.logs.event_log import EventLog
from whet.track.logs.own_index import EVERY_BYTES
from whet.track.reading import attempts
from whet.track.reading.store import LOGS
from whet.track.recorded.record_file import frames_of, record_files
from whet.track.script.plain import to_json

if TYPE_CHECKING:
    import numpy as np

# The source of a row that has none.
UNKNOWN = 0xFFFF
# Before the columns of a step.
EPOCH = struct.Struct("<d")
_LENGTH = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class StepRows:
    """The rows of one step on one rank. `columns` have n entries each, among them:

    - `source`: which of `sources` it is (`UNKNOWN` without one), `row` its number there, `part` which piece of it.
    - `sample`: which rows belong together: pairs and groups have one number.
    - `batch`: the micro-batch it was in. `tokens`: how many of its tokens were trained.
    - `loss`: its own, a mean over its trained tokens where they have one each; NaN where the objective tells none.
    - `digest`: CRC-32 of what was learned from, so that a row that was changed shows.

    All others are fields of its sample, such as `reward` and `advantage` of an answer.
    """

    step: int
    time: float
    rank: str
    epoch: float
    sources: Mapping[int, str]
    columns: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def place(self, index: int) -> tuple[str, int, int]:
        """Source, row and part of a row; an empty name where the source is not known."""
        number = int(self.columns["source"][index])
        return self.sources.get(number, ""), int(self.columns["row"][index]), int(self.columns["part"][index])


@dataclass(frozen=True, slots=True)
class RowTokens:
    """One row's tokens: `ids` (T,) of all; for each trained one its `places` (P,), `targets` (P,) and `losses` (P,)."""

    step: int
    rank: str
    source: str
    row: int
    part: int
    ids: np.ndarray
    places: np.ndarray
    targets: np.ndarray
    losses: np.ndarray


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
            self._log.frame(frames.TOKENS, 0, step, b"".join([_LENGTH.pack(len(about)), about, *packed]))
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


class Known:
    """What a file of rows has said so far of its columns and sources, by which a step's rows are read."""

    def __init__(self) -> None:
        self.sources: dict[int, str] = {}
        self.columns: dict[int, list[tuple[str, np.dtype[Any]]]] = {}

    def learn(self, type: int, number: int, body: bytes) -> None:
        """Take a frame in, if it is one of sources or columns."""
        if type in (frames.SOURCES, frames.COLUMNS):
            with suppress(ValueError):
                self.take(type, number, json.loads(body))

    def take(self, type: int, number: int, told: Any) -> None:
        """Take what such a frame tells. What is none is passed over: it is of a later version."""
        import numpy as np

        with suppress(ValueError, TypeError):
            if type == frames.SOURCES:
                self.sources.update(enumerate(map(str, told), number))
            else:
                self.columns[number] = [(str(name), np.dtype(form)) for name, form in told]

    def rows(self, rank: str, moment: float, step: int, schema: int, body: bytes) -> StepRows | None:
        """The rows of a step; None where its columns are not known, or it is no such thing."""
        with suppress(ValueError, TypeError, KeyError, struct.error):
            columns = unpacked(body[EPOCH.size :], self.columns[schema])
            [epoch] = EPOCH.unpack_from(body)
            return StepRows(step, moment, rank, epoch, self.sources, columns)
        return None


def tokens_in(body: bytes, step: int, rank: str) -> RowTokens | None:
    """The tokens in a frame's body; None where it is no such thing."""
    import numpy as np

    with suppress(ValueError, TypeError, KeyError, struct.error):
        start = _LENGTH.size + _LENGTH.unpack_from(body)[0]
        about, arrays = json.loads(body[_LENGTH.size : start]), []
        for size, form in zip(about["sizes"], ("<u4", "<u4", "<u4", "<f4"), strict=True):
            arrays.append(np.frombuffer(body, form, size, start))
            start += 4 * size
        source, row, part = about["place"]
        return RowTokens(step, rank, str(source), int(row), int(part), *arrays)
    return None


def _frames(path: Path) -> Iterable[tuple[float, int, int, int, bytes]]:
    try:
        yield from frames_of(path)
    except OSError:  # gone, forbidden, on a disk that fails
        return


def first_step(path: Path) -> int | None:
    """The first step that a file has rows of; None of one without."""
    return next((one.step for one in _rows(path, "")), None)


def unpacked(body: bytes, columns: Sequence[tuple[str, np.dtype[Any]]]) -> dict[str, np.ndarray]:
    """Columns (n,) that lie one after the other, by name."""
    import numpy as np

    size = sum(form.itemsize for _, form in columns)
    count, start, found = len(body) // size, 0, {}
    for name, form in columns:
        found[name] = np.frombuffer(body, form, count, start)
        start += count * form.itemsize
    return found


def _narrow(column: np.ndarray) -> np.ndarray:
    """The column in 4 bytes an entry where nothing of it is lost."""
    import numpy as np

    if column.dtype.kind == "f":
        return column.astype("<f4")
    if not len(column) or (column.min() >= 0 and column.max() < 1 << 32):
        return column.astype("<u4")
    return column.astype(np.dtype("<i8"))
