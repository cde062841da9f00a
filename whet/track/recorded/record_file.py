"""Read records that lie beside a run's log: their files by writer and attempt, and the frames in them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from whet.base.regular import opened
from whet.track.logs import frames
from whet.track.logs.scan import Other, Scanner

# Files of many ranks are read side by side.
_PIECE_BYTES = 1 << 20


def record_files(folder: Path, suffix: str) -> dict[str, list[Path]]:
    """By writer, ranks first and in order, the files of its attempts, the oldest first."""
    found: dict[str, list[tuple[int, Path]]] = {}
    for path in folder.iterdir() if folder.is_dir() else ():
        writer = frames.parse_name(path, suffix)
        if writer is not None and path.is_file():
            found.setdefault(writer.name, []).append((writer.attempt, path))
    ranks = {name: frames.Writer(name, 0).rank for name in found}
    ordered = sorted(found, key=lambda name: (ranks[name] is None, ranks[name] or 0, name))
    return {name: [path for _, path in sorted(found[name])] for name in ordered}


def frames_of(path: Path) -> Iterator[tuple[float, int, int, int, bytes]]:
    """Time, step, type, schema id and body of each whole frame; damaged ones and a torn tail are left out.

    Raises OSError for a file that cannot be read.
    """
    scanner, piece_bytes = Scanner(), _PIECE_BYTES
    with opened(path, "rb") as file:
        while True:
            before = scanner.offset
            file.seek(before)
            data = file.read(piece_bytes)
            is_last = len(data) < piece_bytes
            for found in scanner.scan(data, is_last):
                if isinstance(found, Other):
                    head = frames.HEAD.unpack_from(data, found.offset - before)
                    moment, step = frames.STAMP.unpack_from(found.payload)
                    yield moment, step, found.type, head[3], found.payload[frames.STAMP.size :]
            if is_last:
                return
            if scanner.offset == before:  # one frame larger than the piece
                piece_bytes *= 2
