"""What both sides of a push agree on: which files go along, how they are cut, and digests of what is there."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path, PurePosixPath

from whet.track.logs import frames, index

# Files go in blocks of this size, logs in pieces of at most so much.
BLOCK_BYTES = 4 << 20
# So many first bytes of a log tell it from others.
BIRTH_BYTES = 256

# What a pusher says of itself, in the run folder.
NOTES = "push.log"


def is_log(path: str) -> bool:
    """Whether a path within a run is an event log, which only ever grows."""
    pure = PurePosixPath(path)
    return len(pure.parts) == 2 and pure.parts[0] == "track" and frames.parse_name(Path(pure.name)) is not None


def is_pushed(path: str) -> bool:
    """Whether a path within a run goes along: not what is derived (indexes), a lock, or what is not finished."""
    pure = PurePosixPath(path)
    is_derived = pure.suffix == index.SUFFIX and pure.parts[0] == "track"
    return not is_derived and path not in ("lock", NOTES) and not pure.name.endswith((".part", ".claim"))


def block_digests(path: Path) -> list[str]:
    """SHA-256 of each block of a file, in hex. Raises OSError."""
    found = []
    with path.open("rb") as file:
        while data := file.read(BLOCK_BYTES):
            found.append(hashlib.sha256(data).hexdigest())
    return found


class Prefix:
    """The SHA-256 of the first bytes of a file that grows: what was hashed once is not read again."""

    def __init__(self) -> None:
        self._hash, self._size = hashlib.sha256(), 0

    def digest(self, fd: int, size: int) -> str:
        """The digest, in hex, of the first `size` bytes of an open file. Raises OSError."""
        if size < self._size:
            self._hash, self._size = hashlib.sha256(), 0
        while self._size < size:
            data = os.pread(fd, min(1 << 20, size - self._size), self._size)
            if not data:
                break
            self._hash.update(data)
            self._size += len(data)
        return self._hash.hexdigest()
