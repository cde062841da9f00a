"""All requests of a run as one table, followed as its logs grow: what a list, a filter and a curve are read from."""

# n requests

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whet.base.errors import ConfigError
from whet.base.nearest import nearest
from whet.track.logs import frames
from whet.track.logs.followed import events_at
from whet.track.reading.query import Query
from whet.track.reading.request_file import NUMBERS, TEXTS, RequestFile
from whet.track.reading.requests import Row
from whet.track.reading.scores import Scores
from whet.track.reading.spans import WRITER, Span
from whet.track.reading.store import LOGS

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

SAID, SCORE = "said", "score."
# Runs whose tables are kept read by a server.
_KEPT = 8


class RequestTable:
    """The requests of a run. `refresh` reads what is new; not for several threads at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder) / LOGS
        self.scores = Scores(self.folder)
        self._files: dict[str, RequestFile] = {}
        self._stamp: Any = None
        self._all: pa.Table = None
        self._taken: dict[str, np.ndarray] = {}  # by filter whether it takes each request, until there are new ones
        self.refresh()

    def refresh(self) -> None:
        """Follow the logs. What cannot be read is left out."""
        for path in self.folder.glob(f"{WRITER}.a*{frames.LOG}"):
            with suppress(OSError):
                known = self._files.get(path.name)
                if known is None or path.stat().st_size < known.offset:  # another in its place
                    known = self._files[path.name] = RequestFile(path)
                known.refresh()
        self.scores.refresh()
        stamp = {name: one.offset for name, one in self._files.items()}, self.scores.count
        if stamp != self._stamp:
            self._all, self._stamp = self._joined(), stamp
            self._taken.clear()

    @property
    def total(self) -> int:
        return self._all.num_rows

    @property
    def names(self) -> list[str]:
        """What a filter and a sort may ask for."""
        return sorted([*NUMBERS, *TEXTS, SAID, *(SCORE + name for name in self.scores.names)])

    def find(self, query: Query, sort: str = "") -> np.ndarray:
        """Numbers (n,) of the requests that a filter takes, the latest first or by a column, `cost` or `cost:desc`.

        Raises ConfigError for names that no request has.
        """
        import numpy as np

        for name in query.names:
            self._check(name, query.text)
        found = self._order(sort)
        if not query.names:
            return found if query.takes({}) else found[:0]
        if query.text not in self._taken:
            columns = [self._all[name].to_pylist() for name in query.names]
            rows = (dict(zip(query.names, values, strict=True)) for values in zip(*columns, strict=True))
            self._taken[query.text] = np.array([query.takes(row) for row in rows], bool)
        return found[self._taken[query.text][found]]

    def rows(self, numbers: Sequence[int] | np.ndarray) -> list[Row]:
        """Requests as rows; scores by their names."""
        import pyarrow as pa

        rows = self._all.take(pa.array(numbers, pa.int64())).select([*NUMBERS, *TEXTS, SAID]).to_pylist()
        for row in rows:
            row["scores"] = self.scores.of(row["id"])
        return rows

    def column(self, name: str, numbers: Sequence[int] | np.ndarray | None = None) -> list[Any]:
        """One column, of some requests or of all in no order."""
        import pyarrow as pa

        column = self._all[name]
        return (column if numbers is None else column.take(pa.array(numbers, pa.int64()))).to_pylist()

    def spans(self, id: str) -> tuple[list[Span], list[Span]]:
        """The spans of a trace, and what was said of its answer."""
        import pyarrow.compute as pc

        found: list[Span] = []
        answers: set[str] = set()
        for one in self._files.values():
            table = one.table()
            ours = table.filter(pc.equal(table["id"], id))
            for number in set(ours["trace"].to_pylist()):
                found += one.spans(number)
            answers.update(answer for answer in ours["answer_id"].to_pylist() if answer)
        said = [span for answer in answers for span in self.said_of(answer)]
        return sorted(found, key=lambda span: (span.start_ns, -span.end_ns)), said

    def firsts(self, numbers: Sequence[int] | np.ndarray) -> list[Span]:
        """The span of each request that it is told by, which holds its texts. Raises OSError."""
        places: dict[int, list[int]] = {}
        pairs = list(zip(self.column("file", numbers), self.column("place", numbers), strict=True))
        for file, place in pairs:
            places.setdefault(file, []).append(place)
        files = list(self._files.values())
        found = {
            (file, one.place): Span.from_dict(one.payload)
            for file, some in places.items()
            for one in events_at(files[file].path, some)
        }
        return [found[pair] for pair in pairs]

    def said_of(self, answer_id: str) -> list[Span]:
        """What was said of an answer. Raises OSError."""
        return [span for one in self._files.values() for span in one.feedback(answer_id)]

    def feedback(self) -> dict[str, list[str]]:
        """What was said, in words, by the answer that it is of."""
        found: dict[str, list[str]] = {}
        for one in self._files.values():
            for answer, word, _ in one.said:
                found.setdefault(answer, []).append(word)
        return found

    def _order(self, sort: str) -> np.ndarray:
        """All numbers in the order that is asked for; what has no value comes last."""
        import numpy as np
        import pyarrow.compute as pc

        name, _, way = sort.partition(":")
        if not name:
            name, way = "time", "desc"
        self._check(name, sort)
        if way not in ("", "asc", "desc"):
            raise ConfigError(f"`{sort[:60]}` is no order", at="sort", hint=f"{name}:desc")
        keys = [(name, "descending" if way == "desc" else "ascending")]
        return np.asarray(pc.sort_indices(self._all, sort_keys=keys), np.int64)

    def _check(self, name: str, at: str) -> None:
        if name not in (known := self.names):
            near = nearest(name, known)
            hint = f"did you mean `{near}`?" if near else f"one of {', '.join(known)}"
            raise ConfigError(f"no request has `{name}`", at=at, hint=hint)

    def _joined(self) -> pa.Table:
        """All files' rows, one a trace, with what was said and scored."""
        import pyarrow as pa
        import pyarrow.compute as pc

        tables = [one.table() for one in self._files.values()] or [RequestFile(self.folder / "none").table()]
        files = [number for number, one in enumerate(tables) for _ in range(one.num_rows)]
        table = pa.concat_tables(tables).append_column("file", pa.array(files, pa.int64()))
        if pc.count_distinct(table["id"]).as_py() < table.num_rows:
            table = _firsts(table)
        said = {answer: ", ".join(dict.fromkeys(words)) for answer, words in self.feedback().items()}
        answers = table["answer_id"].to_pylist() if said else [None] * table.num_rows
        table = table.append_column(SAID, pa.array([said.get(one or "", "") for one in answers], pa.string()))
        if self.scores.names:
            found = [self.scores.of(id) for id in table["id"].to_pylist()]
            for name in self.scores.names:
                table = table.append_column(SCORE + name, pa.array([one.get(name) for one in found], pa.float64()))
        return table


class RequestTables:
    """Tables of the runs that were asked for last. Safe to use from several threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Path, tuple[threading.Lock, list[RequestTable]]] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def of(self, folder: Path) -> Iterator[RequestTable]:
        """The table of a run, up to date, for as long as it is used."""
        with self._lock:
            lock, kept = self._kept.setdefault(folder, (threading.Lock(), []))
            self._kept.move_to_end(folder)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        with lock:
            if kept:
                kept[0].refresh()
            else:
                kept.append(RequestTable(folder))
            yield kept[0]


def _firsts(table: pa.Table) -> pa.Table:
    """Of each trace the row that comes first, in the order of the rows."""
    import pyarrow as pa

    best: dict[str, tuple[tuple[bool, int], int]] = {}
    columns = (table[name].to_pylist() for name in ("id", "is_child", "start_ns"))
    for number, (id, is_child, start_ns) in enumerate(zip(*columns, strict=True)):
        order = is_child, start_ns
        if id not in best or order < best[id][0]:
            best[id] = order, number
    return table.take(pa.array(sorted(number for _, number in best.values()), pa.int64()))
