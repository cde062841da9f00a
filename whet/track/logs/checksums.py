"""Checksums of many frames of one size, proven by one pass over their bytes instead of one call a frame.

The CRC-32 of bytes one behind the other follows from those of its parts: crc(ab) = shift(crc(a), len(b)) ^ crc(b),
where the shift is linear over bits (zlib's `crc32_combine`). So what the whole stretch would give, were each sum
right, is folded from the sums that the frames state, pairs at a time, and compared with what its bytes do give.
"""

# n frames of one size

from __future__ import annotations

import zlib
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

# What lies before the bytes that a frame's sum is of: its length and the sum.
_BEFORE = 8
# So many frames are proven together; where one of them is wrong, they are looked at one by one.
_TOGETHER = 1 << 14
# For fewer than so many it is not worth the tables.
_FEW = 200


def num_whole(data: bytes, place: int, size: int, sums: np.ndarray) -> int:
    """How many frames of `size` bytes from `place` on hold what their own sums (n,) uint32 say, up to the first not."""
    view = memoryview(data)
    for start in range(0, len(sums), _TOGETHER):
        stated = sums[start : start + _TOGETHER]
        stretch = view[place + start * size : place + (start + len(stated)) * size]
        if len(stated) < _FEW or zlib.crc32(stretch) != _folded(stated, size, data[place : place + 4]):
            for number, one in enumerate(stated.tolist()):
                if zlib.crc32(stretch[number * size + _BEFORE : (number + 1) * size]) != one:
                    return start + number
    return len(sums)


def _folded(stated: np.ndarray, size: int, length: bytes) -> int:
    """The sum of frames one behind the other, each of `size` bytes that begin with `length` and its own sum."""
    import numpy as np

    tables, constant = _frame_tables(size, length)
    found = _looked_up(tables, stated) ^ np.uint32(constant)
    for shift in _doubling(size):
        if len(found) == 1:
            break
        if len(found) % 2:
            found = np.concatenate([np.zeros(1, np.uint32), found])  # the sum of no bytes
        found = _looked_up(shift, found[0::2]) ^ found[1::2]
    return int(found[0])


def _looked_up(tables: np.ndarray, values: np.ndarray) -> np.ndarray:
    """A linear function of values (n,), by its tables (4, 256) of what each of their bytes gives."""
    import numpy as np

    parts = np.ascontiguousarray(values, "<u4").view(np.uint8).reshape(-1, 4)
    found = tables[0][parts[:, 0]]
    for number in range(1, 4):
        found ^= tables[number][parts[:, number]]
    return found


@lru_cache(maxsize=64)
def _frame_tables(size: int, length: bytes) -> tuple[np.ndarray, int]:
    """The sum of a whole frame as a linear function of the sum it states, in tables, and what is added to it."""
    import numpy as np

    shift = _shift(size - _BEFORE)
    zero = zlib.crc32(length + bytes(4))
    tables = np.empty((4, 256), np.uint32)
    for place in range(4):
        for byte in range(256):
            stated = byte << (8 * place)
            tables[place, byte] = zlib.crc32(length + stated.to_bytes(4, "little")) ^ zero
    own = np.arange(256, dtype=np.uint32) << (8 * np.arange(4, dtype=np.uint32)[:, None])
    return _looked_up(shift, tables.ravel()).reshape(4, 256) ^ own, int(_looked_up(shift, np.array([zero]))[0])


@lru_cache(maxsize=64)
def _doubling(size: int) -> tuple[np.ndarray, ...]:
    """Shifts by `size` bytes, by twice as many, and so on, for as many frames as are proven together."""
    shifts = [_shift(size)]
    while len(shifts) < _TOGETHER.bit_length():
        shifts.append(_looked_up(shifts[-1], shifts[-1].ravel()).reshape(4, 256))
    return tuple(shifts)


def _shift(num_bytes: int) -> np.ndarray:
    """What a sum becomes in front of so many zero bytes, in tables (4, 256). The zeros' own sum is taken out."""
    import numpy as np

    zeros = bytes(num_bytes)
    own = zlib.crc32(zeros)
    bits = [zlib.crc32(zeros, 1 << bit) ^ own for bit in range(32)]
    tables = np.zeros((4, 256), np.uint32)
    for place in range(4):
        for bit in range(8):
            has_bit = (np.arange(256) >> bit) & 1
            tables[place] ^= np.where(has_bit, np.uint32(bits[8 * place + bit]), np.uint32(0)).astype(np.uint32)
    return tables
