"""Columns of rows that several formats read alike: a text, a pair of texts, a number, a system prompt, a context."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from whet.base.errors import DataError

PAIRS = (("sentence1", "sentence2"), ("sentence_A", "sentence_B"), ("text1", "text2"), ("first", "second"))
# What a question is about stands in one of these beside it.
CONTEXTS = ("context", "passage", "background")
SYSTEMS = ("system", "system_prompt", "system_message")
_MOST = 3.4e38  # of what fp32 holds, in which samples keep their numbers


def one_text(value: Any, name: str) -> str:
    """The text in column `name`. Raises DataError where it is none, or empty."""
    text = text_of(value, name)
    if not text.strip():
        raise DataError(f"`{name}` is empty", hint=f"give `{name}` a text, or leave the row out")
    return text


def text_of(value: Any, name: str) -> str:
    """The text in column `name`, which may be empty or missing. Raises DataError where it is something else."""
    if value is None:
        return ""
    if not isinstance(value, str):
        hint = f"write it as a text: {{{name!r}: {str(value)[:40]!r}}}" if _is_short(value) else f"a text in `{name}`"
        raise DataError(f"`{name}` is {what(value)}, not a text", hint=hint)
    return value


def text_in(row: Mapping[str, Any], names: tuple[str, ...]) -> str:
    """The text in the first of these columns that has a value; empty where none has."""
    name = next((name for name in names if row.get(name) not in (None, "")), None)
    return text_of(row[name], name) if name else ""


def below(question: str, context: str) -> str:
    """A question and, where there is one, what it is about on the next line."""
    return "\n".join(part for part in (question, context) if part)


def pair_of(row: Mapping[str, Any]) -> tuple[str, str] | None:
    """The columns of the row's two sentences, in the spellings in use."""
    return next((pair for pair in PAIRS if all(isinstance(row.get(name), str) for name in pair)), None)


def number(value: Any, name: str) -> float:
    """A number, or a text that writes one. Raises DataError for anything else, NaN, and what fp32 cannot hold."""
    hint = "a finite number, or leave the row out"
    try:
        read = float("x" if isinstance(value, bool) else value)
    except (TypeError, ValueError):
        raise DataError(f"{name} is {what(value)}, not a number", hint=hint) from None
    except OverflowError:
        read = math.inf
    if not abs(read) <= _MOST:
        raise DataError(f"{name} is {what(value)}", hint=hint)
    return read


def is_number(value: Any) -> bool:
    """Whether `number` reads the value."""
    try:
        number(value, "")
    except DataError:
        return False
    return True


def label_of(value: Any) -> Any:
    """A label: a name or a number. Raises DataError for what names no class."""
    is_nothing = isinstance(value, float) and value != value
    if not isinstance(value, str | int | float) or is_nothing or (isinstance(value, str) and not value.strip()):
        raise DataError(f"a label is {what(value)}, neither a name nor a number", hint="a name or a number")
    return value


def what(value: Any) -> str:
    """A value in a message: itself where it is short, else its type."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and value.bit_length() > 200:
        return "a number of very many digits"
    return repr(value)[:60] if isinstance(value, str | int | float) else f"a {type(value).__name__}"


def _is_short(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and what(value) != "nan" and abs(value) < 1e15
