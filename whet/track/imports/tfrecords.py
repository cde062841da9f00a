"""TensorFlow's record files: u64 length, its masked CRC-32C, data, their masked CRC-32C (tensorflow/core/lib/io)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from whet.base.crc32c import checksums, masked

if TYPE_CHECKING:
    import numpy as np

_HEAD, _TAIL = 12, 4


def records(data: bytes, name: str, notes: list[str]) -> Iterator[bytes]:
    """The data of each record. A damaged one is left out, and behind a damaged head nothing is read; both are noted.

    A torn record at the end is no damage: its writer was killed.
    """
    import numpy as np

    starts, lengths, is_torn = _walked(data)
    if not len(starts):
        if data and not is_torn:
            notes.append(f"{name} holds no records")
        return
    array = np.frombuffer(data, np.uint8)
    heads = masked(checksums(array, starts - _HEAD, 8)) == _stored(array, starts - 4)
    num_whole = len(starts) if heads.all() else int(np.argmin(heads))
    if num_whole < len(starts) or not is_torn and _end(starts, lengths) < len(data):
        place = int(starts[num_whole] - _HEAD) if num_whole < len(starts) else _end(starts, lengths)
        notes.append(f"{name} is damaged at byte {place}: nothing behind it is read")
    starts, lengths = starts[:num_whole], lengths[:num_whole]
    is_good = np.zeros(num_whole, bool)
    for length in np.unique(lengths).tolist():
        chosen = np.flatnonzero(lengths == length)
        is_good[chosen] = masked(checksums(array, starts[chosen], length)) == _stored(array, starts[chosen] + length)
    for start, length, good in zip(starts.tolist(), lengths.tolist(), is_good.tolist(), strict=True):
        if good:
            yield data[start : start + length]
        else:
            notes.append(f"{name}: the record at byte {start - _HEAD} is damaged, and left out")


def _walked(data: bytes) -> tuple[np.ndarray, np.ndarray, bool]:
    """Where the data of each record begin, their lengths, and whether the file ends within a record."""
    import numpy as np

    starts, lengths, place, end = [], [], 0, len(data)
    while place + _HEAD <= end:
        length = int.from_bytes(data[place : place + 8], "little")
        if place + _HEAD + length + _TAIL > end:
            break
        starts.append(place + _HEAD)
        lengths.append(length)
        place += _HEAD + length + _TAIL
    is_torn = place < end and _is_torn(data[place:])
    return np.array(starts, np.int64), np.array(lengths, np.int64), is_torn


def _is_torn(rest: bytes) -> bool:
    """Whether the bytes behind the last whole record are the beginning of one: a head that is whole is right."""
    import numpy as np

    if len(rest) < _HEAD:
        return True
    array = np.frombuffer(rest[:_HEAD], np.uint8)
    return bool((masked(checksums(array, np.array([0]), 8)) == _stored(array, np.array([8]))).all())


def _stored(array: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The u32 at each place."""
    import numpy as np

    return np.ascontiguousarray(array[places[:, None] + np.arange(4)]).view("<u4").ravel()


def _end(starts: np.ndarray, lengths: np.ndarray) -> int:
    return int(starts[-1] + lengths[-1] + _TAIL)
