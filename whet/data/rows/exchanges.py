"""Exchanges: conversations that come as questions with their answers, two texts at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from whet.base.errors import DataError
from whet.data.rows.columns import what
from whet.data.rows.messages import read_messages, with_system


def exchanges(said: Iterable[tuple[Any, Any]], system: Any = None) -> list[dict[str, Any]]:
    """The messages of questions and answers in turn, after a system message where there is one. Raises DataError."""
    messages = []
    for question, answer in said:
        messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return with_system(read_messages(messages), system)


def history(value: Any) -> list[tuple[Any, Any]]:
    """Earlier exchanges: a list of pairs, or nothing. Raises DataError for anything else."""
    if value in (None, "", []):
        return []
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise DataError(f"`history` is {what(value)}, not a list", hint=_EXAMPLE)
    return [_pair(entry) for entry in value]


def _pair(entry: Any) -> tuple[Any, Any]:
    if not isinstance(entry, list | tuple):
        raise DataError(f"an entry of `history` is {what(entry)}, not a question and its answer", hint=_EXAMPLE)
    if len(entry) != 2:
        raise DataError(f"an entry of `history` has {len(entry)} texts, not a question and its answer", hint=_EXAMPLE)
    return entry[0], entry[1]


_EXAMPLE = 'history: [["Name a color.", "Blue."]]'
