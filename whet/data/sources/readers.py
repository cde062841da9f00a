"""Readers of single files: each yields one dict a row."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from whet.base.errors import DataError
from whet.data.sources.json_files import count_lines, is_json, json_lines, json_list
from whet.data.sources.opened import decoded, ending, opened, refuse_nul
from whet.data.sources.tables import arrow_rows, count_parquet, csv_rows, parquet_rows

TABLES = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".parquet", ".arrow", ".feather")
TEXTS = tuple(
    ".txt .md .rst .tex .py .pyi .ipynb .js .jsx .ts .tsx .c .h .cc .cpp .hpp .cu .java .kt .go .rs .rb .php .cs "
    ".swift .scala .lua .r .jl .hs .ml .pl .sh .sql .html .css .xml .yaml .yml .toml".split()
)
_SHOWN_BYTES = 1 << 20


def is_readable(path: Path) -> bool:
    """Whether the ending is one that a folder is searched for."""
    return ending(path) in TABLES + TEXTS


def read_file(path: Path, *, lines: bool = False, as_text: bool = False) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file by its ending; an unknown ending is read as text.

    Text files are one row `{"text": ..., "file": ...}`, or with `lines` one row a line that is not blank. One that
    holds JSON is refused, unless it is taken `as_text`.
    """
    form = ending(path)
    if form in TABLES and lines:
        raise DataError(f"`lines` is for text files, and {path.name} is a {form[1:]} file", hint="leave `lines` out")
    if form in (".jsonl", ".ndjson"):
        return json_lines(path)
    if form == ".json":
        return json_list(path)
    if form in (".csv", ".tsv"):
        return csv_rows(path, "," if form == ".csv" else "\t")
    if form == ".parquet":
        return parquet_rows(path)
    if form in (".arrow", ".feather"):
        return arrow_rows(path)
    if not as_text and (form == ".txt" or form not in TEXTS):
        _refuse_json(path)
    return _text_lines(path) if lines else _text(path)


def count_file(path: Path, *, lines: bool = False, as_text: bool = False) -> int:
    """The number of rows that `read_file` yields; jsonl is not parsed, parquet only its footer."""
    form = ending(path)
    if form == ".parquet":
        return count_parquet(path)
    if form in (".jsonl", ".ndjson"):
        return count_lines(path)
    return sum(1 for _ in read_file(path, lines=lines, as_text=as_text))


def _refuse_json(path: Path) -> None:
    """Raise DataError for JSON under the ending of a text: its braces and keys would be trained as prose."""
    with opened(path) as file:
        begin = file.read(_SHOWN_BYTES)
    first = [line.strip() for line in islice((line for line in begin.splitlines() if line.strip()), 2)]
    are_lines = bool(first) and all(line[:1] == b"{" and is_json(line) for line in first)
    is_list = begin.lstrip()[:1] == b"[" and begin.lstrip()[1:].lstrip()[:1] == b"{" and is_json(begin)
    if are_lines or is_list:
        name = f"{path.name.removesuffix('.txt')}.{'jsonl' if are_lines else 'json'}"
        raise DataError(
            f"{path.name} holds {'JSON, one object a line' if are_lines else 'a list of JSON objects'}, and its ending "
            "says text",
            at=str(path),
            hint=f"{shlex.join(['mv', path.name, name])}; or format: text, to train it as it is",
        )


def _text(path: Path) -> Iterator[dict[str, Any]]:
    with opened(path) as file:
        data = file.read()
    refuse_nul(data, path)
    text = decoded(data, path)
    if text.strip():
        yield {"text": text, "file": path.name}


def _text_lines(path: Path) -> Iterator[dict[str, Any]]:
    with opened(path) as file:
        for number, data in enumerate(file, 1):
            for line in data.rstrip(b"\r\n").split(b"\r"):  # alone at the end of lines in old files
                if line and not line.isspace():
                    refuse_nul(line, path)
                    yield {"text": decoded(line, path, number), "file": path.name}
