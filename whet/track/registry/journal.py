"""The journal: changes, one a line with its checksum, appended under a lock and read without one.

    <crc32 of the rest, 8 hex digits> <one JSON object>

A line that a kill has torn has no end, is passed over by readers and cut off by the next writer. A line that a disk or
a hand has changed does not fit its checksum; it is left out and counted.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from whet.base.errors import RunError
from whet.track.script.plain import to_json

FILE, LOCK = "journal.jsonl", "lock"

Change = Mapping[str, Any]


class Journal:
    """The changes in a folder. Any number of processes may read and write."""

    def __init__(self, folder: Path) -> None:
        self.path, self._lock = folder / FILE, folder / LOCK
        self._held = threading.local()

    def read(self, start: int = 0) -> tuple[list[Change], int, int]:
        """Whole changes from a byte on, the byte behind them, and how many lines are damaged."""
        try:
            with self.path.open("rb") as file:
                file.seek(start)
                data = file.read()
        except FileNotFoundError:
            return [], 0, 0
        end = data.rfind(b"\n") + 1
        found = [_change(line) for line in data[:end].splitlines()]
        changes = [one for one in found if one is not None]
        return changes, start + end, len(found) - len(changes)

    def inode(self) -> int:
        """Which file it is: it is another one after `replace`."""
        try:
            return self.path.stat().st_ino
        except FileNotFoundError:
            return 0

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Inside, nobody else writes; a thread may enter it again. Raises RunError where nothing can be written."""
        if vars(self._held):
            yield
            return
        try:
            self._lock.parent.mkdir(parents=True, exist_ok=True)
            file = self._lock.open("a")
        except OSError as error:
            raise RunError(
                f"the registry cannot be written: {error.strerror}", at=str(self._lock), hint="--registry ~/registry"
            ) from None
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)  # until it is closed
            self._held.file = file
            try:
                yield
            finally:
                del self._held.file

    def append(self, changes: list[Change]) -> None:
        """Add changes, on the disk when this returns. Only inside `writing`. Raises RunError on a full disk."""
        data = b"".join(map(_line, changes))
        try:
            with self.path.open("ab", buffering=0) as file:
                whole = self._whole()
                file.truncate(whole)
                if os.write(file.fileno(), data) < len(data):
                    file.truncate(whole)
                    raise OSError(28, "No space left on device")
                os.fsync(file.fileno())
        except OSError as error:
            raise RunError(
                f"the registry cannot be written: {error.strerror}", at=str(self.path), hint="make room on the disk"
            ) from None

    def replace(self, changes: list[Change]) -> None:
        """Write the journal anew, whole or not at all. Only inside `writing`."""
        part = self.path.with_suffix(".part")
        with part.open("wb") as file:
            file.writelines(map(_line, changes))
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, self.path)

    def _whole(self) -> int:
        """Where the last whole line ends."""
        size = self.path.stat().st_size
        with self.path.open("rb") as file:
            while size:
                start = max(0, size - 65536)
                file.seek(start)
                place = file.read(size - start).rfind(b"\n")
                if place >= 0:
                    return start + place + 1
                size = start
        return 0


def _line(change: Change) -> bytes:
    text = to_json(change)
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _change(line: bytes) -> Change | None:
    """The change in a line; None of a damaged one."""
    told, _, text = line.partition(b" ")
    try:
        if int(told, 16) != zlib.crc32(text):
            return None
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
