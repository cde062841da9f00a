"""Documents of a text file: the whole of it, its lines, the rows of a .jsonl, or the articles of WikiText."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from whet.base.errors import DataError
from whet.base.regular import opened

Division = Literal["auto", "file", "lines", "rows", "wikitext"]

# ` = Title = `, and not ` = = Section = = `.
_HEADING = re.compile(r" ?= (?!= ).* = ?")


def read_documents(path: Path, division: Division = "auto", column: str = "text") -> tuple[list[str], Division]:
    """The documents of a file, and how it was divided: `auto` is `rows` for .jsonl, else `wikitext` or `file`.

    `wikitext` starts a document at every line that is a heading of the first level (` = Title = `); the file is taken
    for WikiText if its first line that is not blank is one. Documents of white space alone are left out. Raises
    DataError when none is left.
    """
    text = _read(path)
    if division == "auto":
        division = "rows" if path.suffix == ".jsonl" else "wikitext" if _is_wikitext(text) else "file"
    if division == "rows":
        documents = [_field(path, number, line, column) for number, line in _numbered(text)]
    elif division == "lines":
        documents = text.splitlines()
    elif division == "wikitext":
        documents = list(_articles(text))
    else:
        documents = [text]
    documents = [document for document in documents if document.strip()]
    if not documents:
        raise DataError(f"{path} has no text", at=str(path), hint="give a file with text in it")
    return documents, division


def _read(path: Path) -> str:
    try:
        with opened(path, encoding="utf-8") as file:
            return file.read()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}", hint="check the path") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise DataError(f"{path} is not UTF-8 text", at=f"{path}:{line}", hint="save it as UTF-8") from None


def _numbered(text: str) -> Iterator[tuple[int, str]]:
    """Lines that are not blank, with their number from 1. Not `splitlines`: JSON may hold other line ends."""
    return ((number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip())


def _field(path: Path, number: int, line: str, column: str) -> str:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise DataError(f"not JSON: {error}", at=f"{path}:{number}", hint="one JSON object a line") from None
    if not isinstance(row, dict) or not isinstance(row.get(column), str):
        seen = ", ".join(map(str, row)) if isinstance(row, dict) else type(row).__name__
        reason = f"there is no text in `{column}` (seen: {seen})"
        raise DataError(reason, at=f"{path}:{number}", hint=f"column={_first_text(row) or 'text'}")
    return row[column]


def _first_text(row: Any) -> str | None:
    """The first column of a row that holds a text."""
    columns = row.items() if isinstance(row, dict) else ()
    return next((name for name, value in columns if isinstance(value, str)), None)


def _is_wikitext(text: str) -> bool:
    first = next((line for line in text.split("\n") if line.strip()), "")
    return _HEADING.fullmatch(first) is not None


def _articles(text: str) -> Iterator[str]:
    lines: list[str] = []
    for line in text.split("\n"):
        if _HEADING.fullmatch(line):
            yield "\n".join(lines)
            lines = []
        lines.append(line)
    yield "\n".join(lines)
