"""The requests in one log of traces: a table that grows with the file, is kept beside it, and is read in milliseconds.

`traces.a1.requests` is a sidecar (`whet.track.logs.sidecar`) that holds the table as Arrow has it.
"""

# n rows   s spans

from __future__ import annotations

from array import array
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whet.track.logs import sidecar
from whet.track.logs.followed import Followed, events_at
from whet.track.reading.requests import FEEDBACK, Row, row_of, word_of
from whet.track.reading.spans import KIND, Span

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

SUFFIX = ".requests"
_MAGIC = b"whetreq1"
NUMBERS = (
    "time", "prompt_tokens", "answer_tokens", "cached_tokens", "first_token_s", "cost", "duration_s",
)  # fmt: skip
TEXTS = (
    "id", "name", "model", "adapter", "version", "key", "answer_id", "status", "reason", "finish", "asked", "answered",
)  # fmt: skip
# The index is written anew once so much of the log, and so large a part, lies behind it.
_BEHIND_BYTES, _BEHIND_SHARE = 1 << 22, 1 / 16
# So many rows are put into the table at once.
_AT_ONCE = 4096


class RequestFile:
    """One attempt's log. A trace may have several rows here, of which the one that comes first of all counts:
    `is_child` and `start_ns` say which (`best`)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.said: list[tuple[str, str, int]] = []  # of which answer, in which word, and where it stands
        self.kept = 0
        self._tables: list[pa.Table] = []
        self._rows: list[Row] = []
        self._traces: dict[str, tuple[int, tuple[bool, int]]] | None = {}
        self._spans = array("q")  # number of the trace, place in the file, and so on
        self._followed = Followed(path, self._load())

    @property
    def offset(self) -> int:
        """How much of the file has been read."""
        return self._followed.offset

    def refresh(self) -> None:
        """Follow the file. Raises OSError."""
        for one in self._followed.news():
            if one.kind == KIND:
                with suppress(TypeError, ValueError, KeyError):
                    self._take(one.payload, one.place)
        if self.offset - self.kept > max(_BEHIND_BYTES, _BEHIND_SHARE * self.kept):
            self.store()

    def table(self) -> pa.Table:
        """All rows (n,), as they came."""
        import pyarrow as pa

        self._settle()
        if len(self._tables) > 1:
            self._tables = [pa.concat_tables(self._tables).combine_chunks()]
        return self._tables[0] if self._tables else _schema().empty_table()

    def spans(self, trace: int) -> list[Span]:
        """The spans of a trace by its number. Raises OSError."""
        pairs = self._pairs()
        places = pairs[pairs[:, 0] == trace, 1].tolist()
        return [Span.from_dict(one.payload) for one in events_at(self.path, places)]

    def feedback(self, answer_id: str) -> list[Span]:
        """What was said of an answer. Raises OSError."""
        places = [place for id, _, place in self.said if id == answer_id]
        return [Span.from_dict(one.payload) for one in events_at(self.path, places)]

    def store(self) -> None:
        """Keep what is known beside the log, if its folder can be written."""
        import pyarrow as pa

        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, _schema()) as writer:
            writer.write_table(self.table())
        told, spans = sink.getvalue().to_pybytes(), self._spans.tobytes()
        header = {"offset": self.offset, "table": len(told), "said": self.said}
        if sidecar.write(self.path.with_suffix(SUFFIX), self.path, _MAGIC, header, (told, spans)):
            self.kept = self.offset

    def _load(self) -> int:
        """Begin with what is kept beside the file, if it fits."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            size = self.path.stat().st_size
            found = sidecar.read(self.path.with_suffix(SUFFIX), self.path, _MAGIC)
            if found is None:
                return 0
            header, data, body = found
            offset = sidecar.whole(header["offset"], size)
            end = body + sidecar.whole(header["table"], len(data) - body)
            said = [(str(id), str(word), sidecar.whole(place, size)) for id, word, place in header["said"]]
            import pyarrow as pa

            table = pa.ipc.open_stream(pa.py_buffer(data[body:end])).read_all()
            if table.schema != _schema():
                return 0
            self._spans.frombytes(data[end:])
            self._tables, self.said, self.kept, self._traces = [table], said, offset, None
            return offset
        return 0

    def _take(self, told: Mapping[str, Any], place: int) -> None:
        """A span. Most are parts of a trace that is known, and are not read further."""
        if told["name"] == FEEDBACK:
            said = Span.from_dict(told).attributes
            self.said.append((str(said.get("gen_ai.response.id")), word_of(said), place))
            return
        traces, id = self._known(), str(told["trace_id"])
        order = bool(told["parent_id"]), int(told["start_ns"])
        number, before = traces.get(id, (len(traces), None))
        if before is None or order < before:
            row = row_of(Span.from_dict(told))
            traces[id] = number, order
            kept: Row = {name: _number(row[name]) for name in NUMBERS} | {name: _text(row[name]) for name in TEXTS}
            self._rows.append({**kept, "trace": number, "is_child": order[0], "start_ns": order[1], "place": place})
            if len(self._rows) >= _AT_ONCE:
                self._settle()
        self._spans.extend((number, place))

    def _known(self) -> dict[str, tuple[int, tuple[bool, int]]]:
        """Each trace's number, and what of it comes first."""
        if self._traces is None:
            self._traces = {}
            columns = (self.table()[name].to_pylist() for name in ("id", "trace", "is_child", "start_ns"))
            for id, number, is_child, start_ns in zip(*columns, strict=True):
                self._traces[id] = number, (is_child, start_ns)
        return self._traces

    def _settle(self) -> None:
        import pyarrow as pa

        if self._rows:
            self._tables.append(pa.Table.from_pylist(self._rows, _schema()))
            self._rows = []

    def _pairs(self) -> np.ndarray:
        import numpy as np

        return np.array(self._spans, np.int64).reshape(-1, 2)


def _schema() -> pa.Schema:
    import pyarrow as pa

    fields = [(name, pa.float64()) for name in NUMBERS] + [(name, pa.string()) for name in TEXTS]
    places = [("start_ns", pa.int64()), ("place", pa.int64())]
    return pa.schema([*fields, ("trace", pa.int64()), ("is_child", pa.bool_()), *places])


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _text(value: Any) -> str | None:
    return None if value is None else str(value).encode(errors="replace").decode()
