"""Columns of rows that several formats read alike: a text, a pair of texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from whet.base.errors import DataError

PAIRS = (("sentence1", "sentence2"), ("sentence_A", "sentence_B"), ("text1", "text2"), ("first", "second"))


def one_text(value: Any, name: str) -> str:
    """The text in column `name`. Raises DataError where it is none, or empty."""
    if not isinstance(value, str):
        raise DataError(f"`{name}` is a {type(value).__name__}, not a text")
    if not value.strip():
        raise DataError(f"`{name}` is empty")
    return value


def pair_of(row: Mapping[str, Any]) -> tuple[str, str] | None:
    """The columns of the row's two sentences, in the spellings in use."""
    return next((pair for pair in PAIRS if all(isinstance(row.get(name), str) for name in pair)), None)
