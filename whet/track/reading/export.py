"""All points of runs as one table: Parquet, CSV or JSON lines, by the file's ending."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from whet.base.errors import RunError
from whet.track.reading.store import history
from whet.track.script.plain import plain

COLUMNS = ("run", "writer", "attempt", "name", "step", "value", "time")


def export(folders: Sequence[Path], output: Path) -> int:
    """Write the points of the runs in these folders, ghosts included, and return their number.

    Columns are run, writer, attempt, name, step, value and time (Unix seconds). Points that a later attempt went over
    again are told from others by their attempt. Raises RunError for an ending that is none of these, or a file that
    cannot be written.
    """
    write = _WRITERS.get(output.suffix)
    if write is None:
        raise RunError(
            f"`{output.name}` does not say in which form", at=str(output), hint=f"a name with {', '.join(_WRITERS)}"
        )
    part = output.with_name(output.name + ".part")
    try:
        num = write(_tables(folders), part)
        part.replace(output)
        return num
    except OSError as error:
        part.unlink(missing_ok=True)
        raise RunError(
            f"cannot be written: {error.strerror}", at=str(output), hint=f"--output ~/{output.name}"
        ) from None


def _tables(folders: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """One curve of one attempt after the other: its texts, and its numbers as arrays."""
    for folder in folders:
        for points in history(folder).since().points:
            yield {
                "run": folder.resolve().name, "writer": points.writer, "attempt": points.attempt, "name": points.name,
                "step": points.steps, "value": points.values, "time": points.times,
            }  # fmt: skip


def _rows(table: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    same = tuple(table[name] for name in COLUMNS[:4])
    numbers = (table[name].tolist() for name in COLUMNS[4:])
    for row in zip(*numbers, strict=True):
        yield *same, *row


def _csv(tables: Iterator[dict[str, Any]], path: Path) -> int:
    num = 0
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for table in tables:
            writer.writerows(_rows(table))
            num += len(table["step"])
    return num


def _jsonl(tables: Iterator[dict[str, Any]], path: Path) -> int:
    num = 0
    with path.open("w", encoding="utf-8") as file:
        for table in tables:
            for row in _rows(table):
                file.write(json.dumps(plain(dict(zip(COLUMNS, row, strict=True))), ensure_ascii=False) + "\n")
            num += len(table["step"])
    return num


def _parquet(tables: Iterator[dict[str, Any]], path: Path) -> int:
    import pyarrow as pa
    from pyarrow import parquet

    text, number = pa.dictionary(pa.int32(), pa.string()), pa.int64()
    kinds = (text, text, number, text, number, pa.float64(), pa.float64())
    schema, num = pa.schema(list(zip(COLUMNS, kinds, strict=True))), 0
    with parquet.ParquetWriter(path, schema) as writer:
        for table in tables:
            size = len(table["step"])
            columns = [
                pa.array(table[name]) if index >= 4 else pa.array([table[name]] * size).cast(kind)
                for index, (name, kind) in enumerate(zip(COLUMNS, kinds, strict=True))
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
            num += size
    return num


_WRITERS: dict[str, Callable[[Iterator[dict[str, Any]], Path], int]] = {
    ".parquet": _parquet, ".csv": _csv, ".jsonl": _jsonl,
}  # fmt: skip
