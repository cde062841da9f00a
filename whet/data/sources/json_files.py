"""Rows of JSON: one object a line, or a list of them in one file."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from whet.base.errors import DataError
from whet.data.sources.opened import decoded, opened

_EXCERPT = 80


def json_lines(path: Path) -> Iterator[dict[str, Any]]:
    """One row a line that is not blank. Raises DataError with the line that is no JSON object or text."""
    with opened(path) as file:
        for number, data in enumerate(file, 1):
            if data.isspace():
                continue
            yield _as_row(_parsed(decoded(data, path, number), path, number), path, number)


def count_lines(path: Path) -> int:
    """How many rows `json_lines` yields, without parsing them."""
    with opened(path) as file:
        return sum(1 for line in file if not line.isspace())


def json_list(path: Path) -> Iterator[dict[str, Any]]:
    """A list of rows, or JSON lines under the wrong ending."""
    with opened(path) as file:
        first = next((line for line in file if not line.isspace()), b"").lstrip(b"\xef\xbb\xbf").lstrip()
    if not first:
        return
    if first[:1] == b"{" and is_json(first):
        yield from json_lines(path)
        return
    with opened(path) as file:
        text = decoded(file.read(), path)
    value = _parsed(text, path)
    if not isinstance(value, list):
        keys = f" with the keys {', '.join(map(str, list(value)[:12]))}" if isinstance(value, dict) else ""
        raise DataError(
            f"{path.name} holds one {type(value).__name__}{keys}, not a list of rows",
            at=str(path),
            hint='write a list `[{"text": "Hello."}]`, or one object a line in a .jsonl file',
        )
    for number, item in enumerate(value):
        yield _as_row(item, path, None, number)


def is_json(text: bytes | str) -> bool:
    """Whether the text is one JSON value."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


class _Twice(ValueError):
    """A key that stands twice in one object: which of its values is meant is unknown."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise _Twice(f"the key {twice[:40]!r} stands twice in one object")
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=_once)


def _parsed(text: str, path: Path, line: int | None = None) -> Any:
    """The value of a whole file, or of one of its lines. Raises DataError."""
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        excerpt = text if line is not None else text.split("\n")[error.lineno - 1]
        raise _broken(path, line or error.lineno, excerpt, error) from None
    except RecursionError:
        reason = "it is nested too deeply"
    except _Twice as error:
        reason = str(error)
    except ValueError:  # Python reads no whole number of over 4,300 digits
        reason = "it holds a number of too many digits"
    at = f"{path}:{line}" if line is not None else str(path)
    raise DataError(f"{path.name} cannot be read: {reason}", at=at, hint=_look(path, line))


def _broken(path: Path, line: int, text: str, error: json.JSONDecodeError) -> DataError:
    start = max(0, error.colno - 1 - _EXCERPT // 2)
    excerpt = text.rstrip("\r\n")[start : start + _EXCERPT]
    hint = _look(path, line)
    if "\r" in text.rstrip("\r\n"):
        names = shlex.quote(path.name), shlex.quote(f"lines-{path.name}")
        hint = rf"tr '\r' '\n' < {names[0]} > {names[1]}  (its lines end with a carriage return alone)"
    return DataError(
        f"broken JSON in {path.name}: {error.msg} at column {error.colno}: {excerpt!r}", at=f"{path}:{line}", hint=hint
    )


def _look(path: Path, line: int | None) -> str:
    name = shlex.quote(path.name)
    return f"sed -n {line}p {name}" if line is not None else f"python -m json.tool {name}"


def _as_row(value: Any, path: Path, line: int | None, number: int | None = None) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    if isinstance(value, str):
        return {"text": value}
    at = f"{path}:{line}" if line is not None else f"{path} row {number}"
    raise DataError(
        f"a row of {path.name} is a {type(value).__name__}, not an object: {json.dumps(value)[:_EXCERPT]}",
        at=at,
        hint='a row is an object, such as {"text": "Hello."}',
    )
