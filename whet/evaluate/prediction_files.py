"""Rows of a file with what a model says of them, written as they come: JSON lines, CSV or parquet."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Any, Protocol, cast

from whet.base.errors import ConfigError, DataError
from whet.data.sources.files import Source, count_rows, read_rows
from whet.evaluate.predicting import Columns, Predictor
from whet.evaluate.result import Watch
from whet.track.script.plain import plain, to_json

ENDINGS = (".jsonl", ".csv", ".parquet")
# Rows that are predicted, and lie in memory, at once.
CHUNK_ROWS = 256


def check_ending(output: Path) -> None:
    """Raise ConfigError for a file of no form that can be written."""
    if output.suffix not in ENDINGS:
        said = f"what is called `{output.name}` could be {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}"
        raise ConfigError(said, at="--output", hint=f"--output {output.with_suffix('.jsonl')}")


def predict_file(
    file: str, output: Path, predictor: Predictor, *, column: str | None = None, second: str | None = None,
    watch: Watch | None = None,
) -> int:  # fmt: skip
    """Write all rows of `file` to `output` with what is said of them. Returns how many.

    The file is complete or not there: it is written beside and moved at the end. Raises DataError for a row that has
    no input, by its number, and for columns that predictions would overwrite.
    """
    source = Source.parse({"path": file}, Path.cwd())
    total, done = count_rows(source), 0
    part = output.with_name(f"{output.name}.part")
    try:
        with part.open("wb") as stream:
            writer = _WRITERS[output.suffix](stream)
            for chunk in _predicted(source, predictor, column, second):
                writer.write(chunk)
                done += len(chunk)
                if watch is not None:
                    watch(done, total)
            writer.close()
        os.replace(part, output)
    finally:
        part.unlink(missing_ok=True)
    return done


def _predicted(source: Source, predictor: Predictor, column: str | None, second: str | None) -> Iterator[Sequence[Any]]:
    columns: Columns | None = None
    rows = iter(read_rows(source))
    done = 0
    while chunk := list(islice(rows, CHUNK_ROWS)):
        columns = columns or Columns.of(chunk[0][1], column, second)
        said = predictor([_input(columns, source, *one) for one in chunk], done)
        yield [_joined(row, one) for (_, row), one in zip(chunk, said, strict=True)]
        done += len(chunk)


def _input(columns: Columns, source: Source, number: int, row: Mapping[str, Any]) -> Any:
    try:
        return columns.input(row)
    except DataError as error:
        raise DataError(error.message, at=f"{source.name} row {number}", hint=error.hint) from None


def _joined(row: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    if both := row.keys() & said.keys():
        name = min(both)
        raise DataError(f"the rows have a column `{name}` already", hint=f"call it otherwise, such as `{name}_before`")
    return {**row, **said}


class Writer(Protocol):
    def __init__(self, stream: IO[bytes]) -> None: ...

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None: ...

    def close(self) -> None: ...


class JsonLines:
    """An object a line."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._stream.writelines(to_json(row) + b"\n" for row in rows)

    def close(self) -> None:
        """Nothing is left to write."""


class Csv:
    """A table whose header is that of the first row; lists and objects are JSON."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._names = stream, list[str]()

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        import io

        text = io.StringIO(newline="")
        writer = csv.writer(text)
        if not self._names:
            self._names = list(rows[0])
            writer.writerow(self._names)
        writer.writerows([_cell(row.get(name)) for name in self._names] for row in rows)
        self._stream.write(text.getvalue().encode(errors="replace"))

    def close(self) -> None:
        """Nothing is left to write."""


class Parquet:
    """A table of the types that the first rows have. Raises DataError where later rows have others."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._writer = stream, cast(Any, None)

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        import pyarrow
        from pyarrow import parquet

        schema = None if self._writer is None else self._writer.schema
        try:
            table = pyarrow.Table.from_pylist([plain(row) for row in rows], schema=schema)
        except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError) as error:
            said = f"the rows are not of one form, which parquet needs: {str(error)[:200]}"
            raise DataError(said, hint="--output predictions.jsonl") from None
        if self._writer is None:
            self._writer = parquet.ParquetWriter(self._stream, table.schema)
        self._writer.write_table(table)

    def close(self) -> None:
        self._writer.close()


_WRITERS: dict[str, type[Writer]] = {".jsonl": JsonLines, ".csv": Csv, ".parquet": Parquet}


def _cell(value: Any) -> Any:
    return json.dumps(plain(value), ensure_ascii=False) if isinstance(value, list | dict | tuple) else value
