"""TensorBoard's event files, written without TensorBoard: TFRecord frames around protocol buffers encoded by hand.

Field numbers are those of tensorflow/core/util/event.proto and framework/summary.proto; a frame is the length (u64),
its masked crc32c, the bytes and theirs (tensorflow/core/lib/io/record_writer.h).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from whet.base.crc32c import checksum, mask

_STRING = 7  # DT_STRING
_SESSION_START = 1


class EventFile:
    """An event file, appended to; with `size`, what lies behind so many bytes is cut off first. Raises OSError."""

    def __init__(self, path: Path, moment: float, size: int | None = None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file = path.open("r+b" if size is not None and path.exists() else "wb")
        if size is not None:
            self._file.truncate(size)
            self._file.seek(0, os.SEEK_END)
        self.size = self._file.tell()  # bytes written
        if self.size == 0:
            self.write(moment, 0, _field(3, b"brain.Event:2"))

    def write(self, moment: float, step: int, what: bytes) -> None:
        """An event of which `what` is the encoded field."""
        event = b"\x09" + struct.pack("<d", moment) + b"\x10" + _varint(step) + what
        head = struct.pack("<Q", len(event))
        self.size += self._file.write(head + _sum(head) + event + _sum(event))

    def flush(self) -> None:
        """Hand everything to the system."""
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def session_start() -> bytes:
    """What makes TensorBoard forget the points from this event's step on, which another attempt has gone over."""
    return _field(7, b"\x08" + _varint(_SESSION_START))


def scalars(values: Mapping[str, float]) -> bytes:
    """Numbers by their tags, as 32-bit floats: TensorBoard knows no others."""
    return _summary(_field(1, name.encode()) + b"\x15" + _float(value) for name, value in values.items())


def text(tag: str, words: str) -> bytes:
    """Markdown for the text plug-in."""
    plugin = _field(9, _field(1, _field(1, b"text")))
    tensor = b"\x08" + _varint(_STRING) + _field(2, b"") + _field(8, words.encode())
    return _summary([_field(1, tag.encode()) + plugin + _field(8, tensor)])


def image(tag: str, encoded: bytes, width: int, height: int) -> bytes:
    """A picture as PNG, JPEG or GIF bytes."""
    sizes = b"\x08" + _varint(height) + b"\x10" + _varint(width) + b"\x18" + _varint(3)
    return _summary([_field(1, tag.encode()) + _field(4, sizes + _field(4, encoded))])


def audio(tag: str, encoded: bytes, rate: float, channels: int, frames: int) -> bytes:
    """Sound as WAV bytes."""
    about = b"\x0d" + _float(rate) + b"\x10" + _varint(channels) + b"\x18" + _varint(frames)
    return _summary([_field(1, tag.encode()) + _field(6, about + _field(4, encoded) + _field(5, b"audio/wav"))])


def histogram(tag: str, counts: Sequence[float], edges: Sequence[float]) -> bytes:
    """Counts (n,) between edges (n + 1,); of the numbers themselves sum and squares are those of the bins' middles."""
    middles = [(low + high) / 2 for low, high in zip(edges, edges[1:], strict=False)]
    total = sum(count * middle for count, middle in zip(counts, middles, strict=True))
    squares = sum(count * middle * middle for count, middle in zip(counts, middles, strict=True))
    figures = (edges[0], edges[-1], float(sum(counts)), total, squares)
    heads = b"".join(bytes([number << 3 | 1]) + struct.pack("<d", value) for number, value in enumerate(figures, 1))
    # TensorBoard takes a bucket's lower end from the limit before it, so an empty one comes first.
    limits = struct.pack(f"<{len(edges)}d", *edges)
    buckets = struct.pack(f"<{len(edges)}d", 0.0, *counts)
    return _summary([_field(1, tag.encode()) + _field(5, heads + _field(6, limits) + _field(7, buckets))])


def _sum(data: bytes) -> bytes:
    return struct.pack("<I", mask(checksum(data)))


def _summary(values: Iterable[bytes]) -> bytes:
    return _field(5, b"".join(_field(1, value) for value in values))


def _field(number: int, data: bytes) -> bytes:
    """A field of bytes."""
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _float(value: float) -> bytes:
    """As 32 bits; what is too large for them is infinite."""
    try:
        return struct.pack("<f", value)
    except OverflowError:
        return struct.pack("<f", float("inf") if value > 0 else float("-inf"))


def _varint(value: int) -> bytes:
    value &= 0xFFFFFFFFFFFFFFFF  # a negative one is its complement
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
