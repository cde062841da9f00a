"""Parts of protobuf messages that several trackers have: single fields, repeated ones, timestamps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from whet.base.protobuf import Malformed, Value, fields, raw, signed


def one_of(data: bytes) -> dict[int, Value]:
    """The last value of each field. Raises Malformed."""
    return dict(fields(data))


def items_of(data: bytes, wanted: int) -> Iterator[bytes]:
    """The messages of a repeated field. Raises Malformed."""
    for number, value in fields(data):
        if number == wanted:
            yield raw(value)


def parts_of(data: bytes, notes: list[str]) -> list[tuple[int, bytes]]:
    """The fields of a message that have a length, as far as they can be read; where they break off is noted."""
    found: list[tuple[int, bytes]] = []
    try:
        for number, value in fields(data):
            if isinstance(value, bytes):
                found.append((number, value))
    except Malformed as error:
        notes.append(f"a record cannot be read: {error}")
    return found


def held(records: Iterable[bytes], notes: list[str]) -> Iterator[tuple[int, bytes]]:
    """Number and bytes of what each record holds; one that is no message is left out whole, and noted."""
    for record in records:
        try:
            parts = [(number, value) for number, value in fields(record) if isinstance(value, bytes)]
        except Malformed as error:
            notes.append(f"a record cannot be read: {error}")
            continue
        yield from parts


def start_of(data: bytes, path: Path, notes: list[str]) -> float:
    """The moment that a run says it began; without one, that of its file."""
    try:
        return moment_of(data) or path.stat().st_mtime
    except Malformed as error:
        notes.append(f"its start cannot be read: {error}")
        return path.stat().st_mtime


def moment_of(data: bytes) -> float:
    """A google.protobuf.Timestamp as Unix seconds; 0 of an empty one. Raises Malformed."""
    one = one_of(data)
    return signed(one.get(1, 0)) + signed(one.get(2, 0)) / 1e9
