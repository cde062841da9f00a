"""Events of a log from where one stood on, and single ones by their place, without the rest of what a log can tell."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from whet.base.regular import opened
from whet.track.logs import frames
from whet.track.logs.scan import Other, Scanner

_PIECE_BYTES = 1 << 22


class Happened(NamedTuple):
    """An event, with the byte of the file at which it begins."""

    place: int
    kind: str
    payload: dict[str, Any]


class Followed:
    """The events of one file, which are told once each as the file grows. `offset` is how much of it has been read."""

    def __init__(self, path: Path, offset: int = 0) -> None:
        self.path = path
        self._scanner = Scanner(offset)

    @property
    def offset(self) -> int:
        return self._scanner.offset

    def news(self) -> Iterator[Happened]:
        """What has been appended, up to the last whole frame. Raises OSError."""
        piece_bytes = _PIECE_BYTES
        with opened(self.path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            while (before := self.offset) < size:
                file.seek(before)
                data = file.read(min(piece_bytes, size - before))
                is_last = before + len(data) >= size
                for found in self._scanner.scan(data, is_last):
                    if isinstance(found, Other) and found.type == frames.EVENT:
                        yield from _event(found.offset, found.payload)
                if is_last:
                    return
                if self.offset == before:  # one frame larger than the piece
                    piece_bytes *= 2


def events_at(path: Path, places: Iterable[int]) -> list[Happened]:
    """The events that begin at these bytes. Raises OSError."""
    found: list[Happened] = []
    with opened(path, "rb") as file:
        for place in places:
            file.seek(place)
            head = file.read(frames.HEAD.size)
            if len(head) == frames.HEAD.size:
                found += _event(place, file.read(frames.HEAD.unpack(head)[0]))
    return found


def _event(place: int, payload: bytes) -> list[Happened]:
    value = frames.parsed(payload)
    is_event = isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], dict)
    return [Happened(place, *value)] if is_event else []
