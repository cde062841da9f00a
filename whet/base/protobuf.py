"""Protocol Buffers' wire format: fields of a message by number, for formats of others that need no library for it.

The encoding is that of protobuf.dev/programming-guides/encoding. Groups are refused.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

# Of a varint and of fixed numbers the bits as a whole number; of what has a length its bytes.
Value = int | bytes

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_F32, _F64 = struct.Struct("<f"), struct.Struct("<d")


class Malformed(ValueError):
    """Bytes that are no message."""


def fields(data: bytes) -> Iterator[tuple[int, Value]]:
    """Number and value of each field, in order. Raises Malformed."""
    place, end = 0, len(data)
    while place < end:
        tag, place = varint(data, place)
        kind = tag & 7
        value: Value
        if kind == _VARINT:
            value, place = varint(data, place)
        elif kind == _BYTES:
            size, place = varint(data, place)
            value, place = data[place : place + size], place + size
        elif kind in (_FIXED64, _FIXED32):
            size = 8 if kind == _FIXED64 else 4
            value, place = int.from_bytes(data[place : place + size], "little"), place + size
        else:
            raise Malformed(f"wire type {kind}")
        if place > end:
            raise Malformed("a field is longer than its message")
        yield tag >> 3, value


def varint(data: bytes, place: int) -> tuple[int, int]:
    """The number at a place, 64 bits at most, and the place behind it. Raises Malformed."""
    value = shift = 0
    while True:
        if place >= len(data) or shift > 63:
            raise Malformed("a number does not end")
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, place
        shift += 7


def signed(value: Value) -> int:
    """A varint or fixed64 as int64."""
    number = whole(value)
    return number - (1 << 64) if number >= 1 << 63 else number


def whole(value: Value) -> int:
    """A varint or fixed number as it is. Raises Malformed for bytes."""
    if isinstance(value, bytes):
        raise Malformed("bytes where a number should be")
    return value


def raw(value: Value) -> bytes:
    """What has a length. Raises Malformed for a number."""
    if isinstance(value, int):
        raise Malformed("a number where bytes should be")
    return value


def text(value: Value) -> str:
    """A string; what is no UTF-8 is replaced."""
    return raw(value).decode("utf-8", errors="replace")


def f64(value: Value) -> float:
    """A fixed64 as double."""
    return _F64.unpack(whole(value).to_bytes(8, "little"))[0]


def f32(value: Value) -> float:
    """A fixed32 as float. Raises Malformed for a number that has more bits."""
    if (bits := whole(value)) >> 32:
        raise Malformed("a float of more than 32 bits")
    return _F32.unpack(bits.to_bytes(4, "little"))[0]
