"""Parts of protobuf messages that several trackers have: single fields, repeated ones, timestamps."""

from __future__ import annotations

from collections.abc import Iterator

from whet.base.protobuf import Value, fields, raw, signed


def one_of(data: bytes) -> dict[int, Value]:
    """The last value of each field. Raises Malformed."""
    return dict(fields(data))


def items_of(data: bytes, wanted: int) -> Iterator[bytes]:
    """The messages of a repeated field. Raises Malformed."""
    for number, value in fields(data):
        if number == wanted:
            yield raw(value)


def moment_of(data: bytes) -> float:
    """A google.protobuf.Timestamp as Unix seconds; 0 of an empty one. Raises Malformed."""
    one = one_of(data)
    return signed(one.get(1, 0)) + signed(one.get(2, 0)) / 1e9
