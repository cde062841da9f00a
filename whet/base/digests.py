"""Digests of files: of the whole content, in threads, or of a large file's size and blocks drawn from all of it.

They find what a disk, a copy or a hand has changed. They are no signature: who can write a file can write its digest.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# SHA-256 has instructions of its own on x86 and Arm and is the fastest of the standard library's there: 1.3 to 2 GiB/s
# a core, where BLAKE2b does 0.7 to 1. (zlib.crc32 does 2.4, and 32 bits are few.) It lets go of the interpreter's lock,
# so blocks are hashed side by side; a file's digest is that of its size and of its blocks' digests.
BLOCK_BYTES = 4 * 2**20
# What `fingerprint` reads whole, and of larger files: both ends and blocks in even distances.
WHOLE_BYTES = 64 * 2**20
_END_BYTES, _SAMPLE_BYTES, _SAMPLES = 2**20, 2**16, 256
_MAX_THREADS = 8

Piece = tuple[int, int]  # where it begins, and its bytes


def file_digest(path: Path) -> str:
    """32 hexadecimal digits that stand for the whole content. Raises OSError where it cannot be read."""
    return file_digests([path])[path]


def file_digests(paths: Iterable[Path]) -> dict[Path, str]:
    """`file_digest` of each, all of them in the same threads. Raises the first OSError."""
    sizes = {path: _size(path) for path in paths}
    return _digests([(path, size, list(_blocks(size))) for path, size in sizes.items()])


def fingerprint(path: Path, whole_bytes: int = WHOLE_BYTES) -> str:
    """The digest of a file of at most `whole_bytes`; of a larger one, of its size and 18 MiB from all over it.

    Enough to tell weights from other weights, since training moves all of them; an edit of a few bytes in a large
    file may lie between the blocks. Raises OSError where the file cannot be read.
    """
    size = _size(path)
    pieces = list(_blocks(size)) if size <= max(whole_bytes, 4 * _END_BYTES) else _samples(size)
    return _digests([(path, size, pieces)])[path]


def sha256s(paths: Iterable[Path]) -> dict[Path, str]:
    """The plain SHA-256 of each file, 64 hexadecimal digits as `sha256sum` prints them. Raises the first OSError.

    Files are hashed side by side, a file in one thread: for digests that others compare.
    """
    paths = list(paths)
    for path in paths:
        _size(path)
    with ThreadPoolExecutor(max(1, min(_MAX_THREADS, len(os.sched_getaffinity(0)), len(paths)))) as pool:
        return dict(zip(paths, pool.map(_plain_sha256, paths), strict=True))


def text_digest(content: str | bytes) -> str:
    """The same for a text or bytes in memory (another value than that of a file with this content)."""
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()[:32]


def _plain_sha256(path: Path) -> str:
    with path.open("rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digests(files: Sequence[tuple[Path, int, Sequence[Piece]]]) -> dict[Path, str]:
    jobs = [(path, piece) for path, _, pieces in files for piece in pieces]
    hashed = _mapped(jobs)
    found = {}
    for path, size, pieces in files:
        whole = hashlib.sha256(f"{size} ".encode())
        for _ in pieces:
            whole.update(next(hashed))
        found[path] = whole.hexdigest()[:32]
    return found


def _mapped(jobs: Sequence[tuple[Path, Piece]]) -> Iterator[bytes]:
    threads = min(_MAX_THREADS, len(os.sched_getaffinity(0)), len(jobs))
    if threads < 2:
        yield from map(_hash, jobs)
        return
    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(_hash, jobs)


def _hash(job: tuple[Path, Piece]) -> bytes:
    path, (start, count) = job
    with path.open("rb", buffering=0) as file:
        file.seek(start)
        block = file.read(count)
        while len(block) < count and (more := file.read(count - len(block))):
            block += more
    return hashlib.sha256(block).digest()


def _blocks(size: int) -> Iterator[Piece]:
    for start in range(0, size, BLOCK_BYTES):
        yield start, min(BLOCK_BYTES, size - start)


def _samples(size: int) -> list[Piece]:
    last = size - _END_BYTES
    between = [(_END_BYTES + i * (last - _END_BYTES) // _SAMPLES, _SAMPLE_BYTES) for i in range(_SAMPLES)]
    return [(0, _END_BYTES), *between, (last, _END_BYTES)]


def _size(path: Path) -> int:
    if not path.is_file():  # a pipe would be waited for, and a folder has no content
        path.stat()
        raise OSError(errno.EINVAL, "not a file", str(path))
    return path.stat().st_size
