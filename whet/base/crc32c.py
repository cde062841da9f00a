"""CRC-32C (Castagnoli, RFC 3720 appendix B.4), of many pieces at once, as TensorFlow's record files have it.

The checksum is linear: rows of one length go through the table side by side, and a long piece is cut into such rows.
"""

# n pieces   L bytes of each

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_POLYNOMIAL, _ONES = 0x82F63B78, 0xFFFFFFFF
_ROW = 1024
# Pieces up to this length go side by side, with so many bytes at a time.
_LONG, _TOGETHER_BYTES = 4 * _ROW, 1 << 25


def checksums(data: np.ndarray, starts: np.ndarray, length: int) -> np.ndarray:
    """CRC-32C (n,) uint32 of the pieces of `data` (uint8) that begin at `starts` (n,) and have `length` bytes each."""
    import numpy as np

    if length > _LONG:
        return np.array([_long(data[start : start + length]) for start in starts.tolist()], np.uint32)
    found, step = [], max(1, _TOGETHER_BYTES // max(length, 1))
    for first in range(0, len(starts), step):
        rows = data[starts[first : first + step, None] + np.arange(length)]
        found.append(_registers(rows, np.full(len(rows), _ONES, np.uint32)) ^ np.uint32(_ONES))
    return np.concatenate(found) if found else np.empty(0, np.uint32)


def checksum(data: bytes) -> int:
    """CRC-32C of one piece."""
    if len(data) > _ROW:
        import numpy as np

        return _long(np.frombuffer(data, np.uint8))
    register, table = _ONES, _entries()
    for byte in data:
        register = table[(register ^ byte) & 0xFF] ^ register >> 8
    return register ^ _ONES


def mask(check: int) -> int:
    """As record files store one: rotated, and moved (tensorflow/core/lib/hash/crc32c.h, `Mask`)."""
    return ((check >> 15 | check << 17) + 0xA282EAD8) & _ONES


def masked(checks: np.ndarray) -> np.ndarray:
    """`mask` of many."""
    import numpy as np

    wide = checks.astype(np.uint64)
    return (((wide >> np.uint64(15)) | (wide << np.uint64(17))) + np.uint64(0xA282EAD8) & np.uint64(_ONES)).astype(
        np.uint32
    )


def _registers(rows: np.ndarray, registers: np.ndarray) -> np.ndarray:
    """The registers (n,) after the bytes of each row (n, L)."""
    import numpy as np

    table = _table()
    for column in np.ascontiguousarray(rows.T):
        registers = table[(registers ^ column) & np.uint32(0xFF)] ^ (registers >> np.uint32(8))
    return registers


def _long(piece: np.ndarray) -> int:
    """Of one piece: registers of its rows, each moved on by the rows behind it."""
    import numpy as np

    num = len(piece) // _ROW
    rows = _registers(piece[: num * _ROW].reshape(num, _ROW), np.zeros(num, np.uint32))
    register, columns = _ONES, _columns()
    for row in rows.tolist():
        moved = 0
        for bit, column in enumerate(columns):
            if register >> bit & 1:
                moved ^= column
        register = moved ^ row
    rest = _registers(piece[None, num * _ROW :], np.array([register], np.uint32))
    return int(rest[0]) ^ _ONES


@cache
def _columns() -> list[int]:
    """What each bit of a register becomes behind a row of zeros."""
    import numpy as np

    bits = np.uint32(1) << np.arange(32, dtype=np.uint32)
    return _registers(np.zeros((32, _ROW), np.uint8), bits).tolist()


@cache
def _entries() -> tuple[int, ...]:
    """The table without numpy, for a few bytes at a time."""
    found = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (_POLYNOMIAL if byte & 1 else 0)
        found.append(byte)
    return tuple(found)


@cache
def _table() -> np.ndarray:
    import numpy as np

    return np.array(_entries(), np.uint32)
