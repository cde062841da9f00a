"""Misfits: rows that no format reads, told by the column that is empty or that the rows before them have."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from whet.base.errors import DataError
from whet.base.facts import DataFormatFacts
from whet.base.slots import Kind


def emptied(kinds: Iterable[Kind[DataFormatFacts]], row: Mapping[str, Any], at: str) -> DataError | None:
    """What is said of a row that has all columns of a format, one of them with nothing in it; None of another row."""
    whole = (kind.facts.columns for kind in kinds if kind.facts.columns and set(kind.facts.columns) <= row.keys())
    empty = next((name for columns in whole for name in columns if row[name] is None or row[name] in ([], {})), None)
    if empty is None:
        return None
    said = "null" if row[empty] is None else "empty"
    return DataError(f"`{empty}` is {said}", at=at, hint=f"fill `{empty}` in, or leave the row out")


def lacking(known: Mapping[str, Collection[str]], row: Mapping[str, Any], at: str) -> DataError | None:
    """What is said of a row that lacks a column of those before it; None where it lacks none.

    `known` has, of each format seen so far, the columns that its rows hold and it reads. The one that the row has most
    of is the one that is meant: a renaming, which would hold for all rows, is no way out for this one.
    """
    meant = max(known.values(), key=lambda columns: len(row.keys() & set(columns)), default=())
    absent = [name for name in meant if row.get(name) is None]
    if not absent:
        return None
    *first, last = [f"`{name}`" for name in absent]
    names = f"{', '.join(first)} and {last}" if first else last
    said = f"the row has no {names}, which the rows before it have"
    return DataError(said, at=at, hint=f"fill {names} in, or leave the row out")
