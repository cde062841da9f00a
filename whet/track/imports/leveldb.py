"""LevelDB's log framing, in which W&B and SwanLab keep their records.

Blocks of 32 KiB hold pieces: u32 checksum of type and data, u16 length, u8 type (whole, first, middle, last), data
(github.com/google/leveldb, doc/log_format.md). Both trackers put seven bytes before the first block's pieces, and take
zlib's crc32 for the checksum.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

BLOCK = 32768
_HEAD = struct.Struct("<IHB")
_TYPES = {kind: zlib.crc32(bytes([kind])) for kind in (1, 2, 3, 4)}
_WHOLE, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


def records(data: bytes, notes: list[str]) -> Iterator[bytes]:
    """The records behind the seven bytes of a file's head. A damaged block is left out, and noted with its place.

    The tail of a file whose writer was killed may be torn: that is no damage.
    """
    parts: list[bytes] = []
    place, is_open = 7, False
    while place + _HEAD.size <= len(data):
        left = BLOCK - place % BLOCK
        if left < _HEAD.size:
            place += left
            continue
        check, size, kind = _HEAD.unpack_from(data, place)
        start = place + _HEAD.size
        piece = data[start : start + size]
        if check == size == kind == 0:  # zeros to the end of the block
            place += left
            continue
        if size <= left - _HEAD.size and start + size > len(data):
            return
        if kind not in _TYPES or size > left - _HEAD.size or zlib.crc32(piece, _TYPES[kind]) != check:
            notes.append(f"damaged at byte {place}: the rest of its block is left out")
            place, parts, is_open = place + left, [], False
            continue
        place = start + size
        if kind == _WHOLE:
            yield piece
            parts, is_open = [], False
        elif kind == _FIRST:
            parts, is_open = [piece], True
        elif is_open:
            parts.append(piece)
            if kind == _LAST:
                yield b"".join(parts)
                parts, is_open = [], False
