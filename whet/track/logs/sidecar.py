"""Sidecar: what was found in a file that only grows, kept beside it so that it is not looked for twice.

MAGIC, u32 length and u32 crc32 of a JSON header, a seal of what follows, the header, and arrays. Nothing is in it that
is not in the file itself: whoever removes it loses time. One that is damaged, of another file or of another format is
passed over, and so is one that somebody has put there to hide what the file says: it has no seal of this user's
(`whet.base.own_key`), and does not belong to the other user whose file it is beside.
"""

from __future__ import annotations

import json
import os
import struct
import threading
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from whet.base import own_key
from whet.base.regular import opened

_HEAD = struct.Struct(f"<8sII{own_key.SEAL_BYTES}s")
# So many first bytes of a file tell it from others: they hold its process, host and time.
_BIRTH_BYTES = 256


def read(path: Path, of: Path, magic: bytes) -> tuple[dict[str, Any], bytes, int] | None:
    """The header of a sidecar, its bytes and where in them the arrays begin; None where there is none that fits."""
    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError, struct.error):
        with opened(path, "rb") as file:
            most = _most_bytes(of)
            data = file.read(most + 1)  # not mapped: whoever cut the file meanwhile would kill this process
        if len(data) > most:
            return None
        found, size, check, seal = _HEAD.unpack_from(data)
        body = _HEAD.size + size
        header = json.loads(data[_HEAD.size : body]) if found == magic else {}
        is_ours = zlib.crc32(data[_HEAD.size : body]) == check and header["birth"] == zlib.crc32(_birth(of))
        if is_ours and zlib.crc32(memoryview(data)[body:]) == header["check"]:
            is_true = own_key.is_sealed(data[_HEAD.size :], seal) or own_key.is_of_another(path, of)
            return (header, data, body) if is_true else None
    return None


def whole(value: Any, most: int) -> int:
    """A number from 0 to `most`, as a header tells it. Raises ValueError for anything else."""
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError(f"no number up to {most}")
    return value


def write(path: Path, of: Path, magic: bytes, header: Mapping[str, Any], blobs: Sequence[bytes]) -> bool:
    """Put a sidecar beside a file, whole or not at all. False where the folder cannot be written, or nothing sealed."""
    arrays = b"".join(blobs)
    told = json.dumps({"birth": zlib.crc32(_birth(of)), "check": zlib.crc32(arrays), **header}).encode()
    seal = own_key.seal(told + arrays)
    if not seal:
        return False
    part = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        with opened(part, "wb") as file:
            file.write(_HEAD.pack(magic, len(told), zlib.crc32(told), seal) + told + arrays)
        os.replace(part, path)
    except OSError:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        return False
    return True


def _most_bytes(of: Path) -> int:
    """More than what was found in a file ever takes: one that comes with holes may be as long as it says."""
    return 16 * os.stat(of).st_size + 2**24


def _birth(file: Path) -> bytes:
    """The first bytes of a file. A sidecar that was left of a shorter one fits no more once that has grown."""
    try:
        with opened(file, "rb") as read:
            return read.read(_BIRTH_BYTES)
    except OSError:
        return b""
