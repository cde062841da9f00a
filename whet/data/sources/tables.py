"""Rows of tables: CSV, parquet, and the Arrow files of the package `datasets`, as JSON would have held them."""

from __future__ import annotations

import datetime
import decimal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whet.base.errors import DataError
from whet.data.sources.opened import damaged, decoded, opened, refuse_nul

if TYPE_CHECKING:
    import pyarrow

_CSV_BLOCK_BYTES = 16 << 20
_BATCH_ROWS = 1024
Plain = Callable[[Any], Any]


def csv_rows(path: Path, delimiter: str) -> Iterator[dict[str, Any]]:
    """All values are strings: what a number means is for the format to say."""
    import pyarrow
    from pyarrow import csv

    with opened(path) as file:
        begin = file.readline()
    header = decoded(begin, path)
    refuse_nul(begin, path)
    if not header.strip():
        return
    parse = csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    row: dict[str, Any] = {}
    try:
        names = csv.read_csv(
            pyarrow.BufferReader(header.encode()), parse_options=parse, read_options=csv.ReadOptions(block_size=1 << 20)
        ).column_names
        _refuse_doubled(names, path)
        _check_separator(names, path)
        convert = csv.ConvertOptions(column_types=dict.fromkeys(names, pyarrow.string()), strings_can_be_null=False)
        with opened(path) as file:
            read = csv.ReadOptions(block_size=_CSV_BLOCK_BYTES, use_threads=False)
            for batch in csv.open_csv(file, parse_options=parse, convert_options=convert, read_options=read):
                for row in batch.to_pylist():
                    yield row
    except (pyarrow.ArrowInvalid, pyarrow.ArrowKeyError) as error:
        raise DataError(
            f"{path.name} is not a well-formed table: {str(error)[:300]}",
            at=str(path),
            hint="quote fields that hold the separator or a line break; the encoding must be UTF-8",
        ) from None
    _check_closed(row, path)


def parquet_rows(path: Path) -> Iterator[dict[str, Any]]:
    with _reading(path, "parquet"), open_parquet(path) as file:
        plain = _of_schema(file.schema_arrow, path)
        for batch in file.iter_batches(batch_size=_BATCH_ROWS):
            yield from _rows(batch, plain)


def count_parquet(path: Path) -> int:
    """The number of rows, from the footer alone."""
    with open_parquet(path) as file:
        return file.metadata.num_rows


def open_parquet(path: Path) -> Any:
    from pyarrow import parquet

    with _reading(path, "parquet"):
        return parquet.ParquetFile(path)


def arrow_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Rows of an Arrow stream, as `Dataset.save_to_disk` writes it, or of an Arrow file (Feather)."""
    import pyarrow
    from pyarrow import ipc

    with _reading(path, "Arrow"), pyarrow.memory_map(str(path)) as mapped:
        is_file = mapped.read(6) == b"ARROW1"
        mapped.seek(0)
        reader = ipc.open_file(mapped) if is_file else ipc.open_stream(mapped)
        plain = _of_schema(reader.schema, path)
        batches = map(reader.get_batch, range(reader.num_record_batches)) if is_file else reader
        for batch in batches:
            batch.validate(full=True)  # damaged offsets would be followed out of the file's memory
            for start in range(0, batch.num_rows, _BATCH_ROWS):
                yield from _rows(batch.slice(start, _BATCH_ROWS), plain)


def as_json(value: Any) -> Any:
    """A value of Python as JSON would have held it: without the nulls that stand for keys that a row does not have."""
    if isinstance(value, dict):
        return _transposed({key: as_json(inner) for key, inner in value.items() if inner is not None})
    if isinstance(value, list | tuple):
        return [as_json(inner) for inner in value]
    return _scalar(value)


def _rows(batch: Any, plain: dict[str, Plain]) -> Iterator[dict[str, Any]]:
    rows = batch.to_pylist()
    if plain:
        for row in rows:
            for name, convert in plain.items():
                row[name] = convert(row[name])
    yield from rows


def _of_schema(schema: pyarrow.Schema, path: Path) -> dict[str, Plain]:
    """How the columns whose values JSON would hold otherwise are made plain."""
    _refuse_doubled(schema.names, path)
    found = {column.name: _plain(column.type) for column in schema}
    return {name: convert for name, convert in found.items() if convert is not None}


def _plain(kind: pyarrow.DataType) -> Plain | None:
    """What makes values of an Arrow type plain; None where they are.

    Arrow has one set of keys for all structs of a column: a key that a row does not have is null there, and so cannot
    be told from a null that was written. Both count as not there, as they do in messages of any file.
    """
    from pyarrow import types

    if types.is_struct(kind):
        inner = {kind[i].name: _plain(kind[i].type) for i in range(kind.num_fields)}
        return lambda value: None if value is None else _struct(value, inner)
    if types.is_map(kind):
        convert = _plain(kind.item_type) or _same
        return lambda value: None if value is None else {str(k): convert(v) for k, v in value if v is not None}
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        of_each = _plain(kind.value_type)
        return None if of_each is None else lambda value: None if value is None else [of_each(v) for v in value]
    if types.is_dictionary(kind):
        return _plain(kind.value_type)
    is_plain = types.is_string(kind) or types.is_large_string(kind) or types.is_boolean(kind)
    return None if is_plain or types.is_integer(kind) or types.is_floating(kind) else _scalar


def _struct(value: dict[str, Any], inner: dict[str, Plain | None]) -> Any:
    kept = {}
    for name, item in value.items():
        if item is not None:
            convert = inner[name]
            kept[name] = convert(item) if convert else item
    return _transposed(kept)


def _transposed(value: dict[str, Any]) -> Any:
    """Messages that `datasets` keeps as an object of lists (its `Sequence`), as the list of objects that they were."""
    if not value.keys() >= {"role", "content"} and not value.keys() >= {"from", "value"}:
        return value
    columns = list(value.values())
    if not all(isinstance(column, list) and len(column) == len(columns[0]) for column in columns):
        return value
    items = ({k: v for k, v in zip(value, one, strict=True) if v is not None} for one in zip(*columns, strict=True))
    return list(items)


def _scalar(value: Any) -> Any:
    if isinstance(value, datetime.date | datetime.time):  # dates with times are dates
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return str(value)
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value
    return value


def _same(value: Any) -> Any:
    return value


def _refuse_doubled(names: Sequence[str], path: Path) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1 and name]
    if twice:
        raise DataError(
            f"{path.name} has the column `{twice[0]}` twice, and which is meant is unknown",
            at=f"{path}:1",
            hint=f"rename one of them, or leave it out; the columns are {', '.join(names[:12])}",
        )


def _check_separator(names: Sequence[str], path: Path) -> None:
    """Raise DataError for one column whose name looks like several."""
    other = next((mark for mark in ";|\t," if len(names) == 1 and mark in names[0]), None)
    if other is not None:
        way = (
            f"mv {path.name} {path.stem}.tsv" if other == "\t" else f"write it with commas: sep={other!r} when reading"
        )
        raise DataError(
            f"{path.name} has one column, {names[0][:60]!r}: its separator is {other!r}", at=f"{path}:1", hint=way
        )


def _check_closed(last: dict[str, Any], path: Path) -> None:
    """Raise DataError where a quote that nothing closes has taken the rest of the file into the last value."""
    if "\n" not in str(next(reversed(last.values()), "")).rstrip("\n"):
        return
    with opened(path) as file:
        if sum(block.count(b'"') for block in iter(lambda: file.read(1 << 20), b"")) % 2:
            raise DataError(
                f"{path.name} ends inside a quoted field, which has taken lines of other rows into it",
                at=str(path),
                hint='close the quote, and write a quote inside a field twice: ""',
            )


@contextmanager
def _reading(path: Path, form: str) -> Iterator[None]:
    import pyarrow

    try:
        yield
    except DataError:
        raise
    except (pyarrow.ArrowException, ValueError) as error:
        said = str(error).split("\n")[0][:300]
        raise DataError(
            f"{path.name} is not a readable {form} file: {said}",
            at=str(path),
            hint=f"get {path.name} anew: it is damaged, cut short, or no {form}",
        ) from None
    except (OSError, EOFError) as error:
        raise damaged(path, error) from None
