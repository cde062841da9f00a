"""JSON that others wrote or a crash damaged: read with limits and checked types, or refused in one message."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from whet.base.errors import WhetError
from whet.base.regular import opened

# A config, a tokenizer or a state; what is larger was not meant to be read whole.
AGAIN = "copy the file again, or remove it where it can be made anew"
LIMIT_BYTES = 256 * 2**20
T = TypeVar("T")
_NAMES = {dict: "an object", list: "a list", str: "a text", int: "a whole number", float: "a number", bool: "a truth"}
_REQUIRED: Any = object()


def read_object(path: Path, *, error: type[WhetError] = WhetError, hint: str | None = None) -> dict[str, Any]:
    """The JSON object in a file. Raises `error` when the file cannot be read, is no JSON or holds something else."""
    return checked(read_json(path, error=error, hint=hint), dict, at=str(path), error=error, hint=hint)


def read_json(path: Path, *, error: type[WhetError] = WhetError, hint: str | None = None) -> Any:
    """The JSON value in a file of at most LIMIT_BYTES. Raises `error` when it cannot be read or is no JSON."""
    try:
        with opened(path, "rb") as file:  # a device or a pipe may have no end
            content = file.read(LIMIT_BYTES + 1)
        if len(content) > LIMIT_BYTES:
            raise error(f"`{path.name}` has more than {LIMIT_BYTES // 2**20} MiB", at=str(path), hint=hint or AGAIN)
    except (OSError, ValueError) as failure:  # ValueError: a NUL in the path
        reason = getattr(failure, "strerror", None) or str(failure)
        raise error(f"`{path.name}` cannot be read: {reason}", at=str(path), hint=hint or AGAIN) from None
    return parse_json(content, at=str(path), error=error, hint=hint)


def parse_json(content: bytes | str, *, at: str, error: type[WhetError] = WhetError, hint: str | None = None) -> Any:
    """The value of a JSON text. Raises `error` for anything else: no UTF-8, brackets without end, endless numbers."""
    try:
        return json.loads(content)
    except RecursionError:
        reason = "it is nested too deeply"
    except UnicodeDecodeError:
        reason = "it is not UTF-8"
    except json.JSONDecodeError as failure:
        reason = f"{failure.msg}, line {failure.lineno} column {failure.colno}" if content else "it is empty"
    except ValueError as failure:  # Python reads no whole number of over 4,300 digits
        reason = str(failure).split(";")[0]
    raise error(f"this is not JSON: {reason}", at=at, hint=hint or AGAIN)


def field(
    values: Mapping[str, Any],
    key: str,
    form: type[T],
    *,
    at: str,
    default: Any = _REQUIRED,
    error: type[WhetError] = WhetError,
    hint: str | None = None,
) -> T:
    """The value of `key`, of the type `form`. Raises `error` where it is missing without a default, or another type."""
    if key not in values:
        if default is _REQUIRED:
            raise error(f"`{key}` is missing", at=at, hint=hint or AGAIN)
        return default
    return checked(values[key], form, at=f"{at}: {key}", error=error, hint=hint)


def checked(value: Any, form: type[T], *, at: str, error: type[WhetError] = WhetError, hint: str | None = None) -> T:
    """`value`, if it has the type `form`; whole numbers are numbers, and truths are neither. Else raises `error`."""
    fits = isinstance(value, (int, float) if form is float else form)
    if not fits or (isinstance(value, bool) and form is not bool):
        raise error(f"{_NAMES.get(form, form.__name__)} is needed, this is {_shown(value)}", at=at, hint=hint or AGAIN)
    return value  # type: ignore[return-value]


def _shown(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
