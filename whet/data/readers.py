"""Readers of single files: each yields one dict a row."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from whet.base.errors import DataError

TABLES = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".parquet")
TEXTS = tuple(
    ".txt .md .rst .tex .py .pyi .ipynb .js .jsx .ts .tsx .c .h .cc .cpp .hpp .cu .java .kt .go .rs .rb .php .cs "
    ".swift .scala .lua .r .jl .hs .ml .pl .sh .sql .html .css .xml .yaml .yml .toml".split()
)
_CSV_BLOCK_BYTES = 16 << 20
_EXCERPT = 80


def is_readable(path: Path) -> bool:
    """Whether the ending is one that a folder is searched for."""
    return _ending(path) in TABLES + TEXTS


def read_file(path: Path, *, lines: bool = False) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file by its ending; an unknown ending is read as text.

    Text files are one row `{"text": ..., "file": ...}`, or with `lines` one row a line that is not blank.
    """
    ending = _ending(path)
    if ending in TABLES and lines:
        raise DataError(f"`lines` is for text files, and {path.name} is a {ending[1:]} file", hint="leave `lines` out")
    if ending in (".jsonl", ".ndjson"):
        return _json_lines(path)
    if ending == ".json":
        return _json(path)
    if ending in (".csv", ".tsv"):
        return _csv(path, "," if ending == ".csv" else "\t")
    if ending == ".parquet":
        return _parquet(path)
    return _text_lines(path) if lines else _text(path)


def count_file(path: Path, *, lines: bool = False) -> int:
    """The number of rows that `read_file` yields; jsonl is not parsed, parquet only its footer."""
    ending = _ending(path)
    if ending == ".parquet":
        return _open_parquet(path).metadata.num_rows
    if ending in (".jsonl", ".ndjson"):
        with _open(path) as file:
            return sum(1 for line in file if not line.isspace())
    return sum(1 for _ in read_file(path, lines=lines))


def _ending(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def _open(path: Path) -> IO[bytes]:
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else open(path, "rb")  # type: ignore[return-value]


def _decode(data: bytes, path: Path, line: int = 1) -> str:
    try:
        return data.decode("utf-8-sig" if line == 1 else "utf-8")
    except UnicodeDecodeError as error:
        encoding = "UTF-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "GB18030"
        line += data.count(b"\n", 0, error.start)
        raise DataError(
            f"{path.name} is not UTF-8: byte 0x{data[error.start]:02x} cannot be read",
            at=f"{path}:{line}",
            hint=f"iconv -f {encoding} -t UTF-8 {path.name} > {path.stem}.utf8{path.suffix}  (the encoding is a guess)",
        ) from None


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    with _open(path) as file:
        for number, data in enumerate(file, 1):
            if data.isspace():
                continue
            line = _decode(data, path, number)
            try:
                value = json.loads(line)
            except json.JSONDecodeError as error:
                raise _broken(path, number, line, error) from None
            yield _as_row(value, path, number)


def _json(path: Path) -> Iterator[dict[str, Any]]:
    """A list of rows, or JSON lines under the wrong ending."""
    with _open(path) as file:
        first = next((line for line in file if not line.isspace()), b"").lstrip(b"\xef\xbb\xbf").lstrip()
    if not first:
        return
    if first[:1] == b"{" and _is_json(first):
        yield from _json_lines(path)
        return
    with _open(path) as file:
        text = _decode(file.read(), path)
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise _broken(path, error.lineno, text.split("\n")[error.lineno - 1], error) from None
    if not isinstance(value, list):
        keys = f" with the keys {', '.join(map(str, value))}" if isinstance(value, dict) else ""
        raise DataError(
            f"{path.name} holds one {type(value).__name__}{keys}, not a list of rows",
            at=str(path),
            hint="write a list `[{...}, ...]`, or one object a line in a .jsonl file",
        )
    for number, item in enumerate(value):
        yield _as_row(item, path, None, number)


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _broken(path: Path, line: int, text: str, error: json.JSONDecodeError) -> DataError:
    start = max(0, error.colno - 1 - _EXCERPT // 2)
    excerpt = text.rstrip("\r\n")[start : start + _EXCERPT]
    return DataError(
        f"broken JSON in {path.name}: {error.msg} at column {error.colno}: {excerpt!r}",
        at=f"{path}:{line}",
        hint=f"sed -n {line}p {path.name}",
    )


def _as_row(value: Any, path: Path, line: int | None, number: int | None = None) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    if isinstance(value, str):
        return {"text": value}
    at = f"{path}:{line}" if line is not None else f"{path} row {number}"
    raise DataError(
        f"a row of {path.name} is a {type(value).__name__}, not an object: {json.dumps(value)[:_EXCERPT]}", at=at
    )


def _csv(path: Path, delimiter: str) -> Iterator[dict[str, Any]]:
    """All values are strings: what a number means is for the format to say."""
    import pyarrow
    from pyarrow import csv

    with _open(path) as file:
        header = _decode(file.readline(), path)
    if not header.strip():
        return
    parse = csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    try:
        names = csv.read_csv(
            pyarrow.BufferReader(header.encode()), parse_options=parse, read_options=csv.ReadOptions(block_size=1 << 20)
        ).column_names
        convert = csv.ConvertOptions(column_types=dict.fromkeys(names, pyarrow.string()), strings_can_be_null=False)
        with _open(path) as file:
            read = csv.ReadOptions(block_size=_CSV_BLOCK_BYTES, use_threads=False)
            reader = csv.open_csv(file, parse_options=parse, convert_options=convert, read_options=read)
            for batch in reader:
                yield from batch.to_pylist()
    except (pyarrow.ArrowInvalid, pyarrow.ArrowKeyError) as error:
        raise DataError(
            f"{path.name} is not a well-formed table: {error}",
            at=str(path),
            hint="quote fields that hold the separator or a line break; the encoding must be UTF-8",
        ) from None


def _open_parquet(path: Path) -> Any:
    import pyarrow
    from pyarrow import parquet

    try:
        return parquet.ParquetFile(path)
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise DataError(f"{path.name} is not a readable parquet file: {error}", at=str(path)) from None


def _parquet(path: Path) -> Iterator[dict[str, Any]]:
    with _open_parquet(path) as file:
        for batch in file.iter_batches(batch_size=1024):
            yield from batch.to_pylist()


def _text(path: Path) -> Iterator[dict[str, Any]]:
    with _open(path) as file:
        data = file.read()
    if b"\0" in data[:4096] and data[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        raise DataError(
            f"{path.name} is not a text file", at=str(path), hint=f"known endings: {' '.join(TABLES + TEXTS[:5])} ..."
        )
    text = _decode(data, path)
    if text.strip():
        yield {"text": text, "file": path.name}


def _text_lines(path: Path) -> Iterator[dict[str, Any]]:
    with _open(path) as file:
        for number, data in enumerate(file, 1):
            if not data.isspace():
                yield {"text": _decode(data, path, number).rstrip("\r\n"), "file": path.name}
