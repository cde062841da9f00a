"""The index of a log from the side of its writer, so that the first reader of a long run finds one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from whet.base import own_key
from whet.track.logs import frames

# A round reads what has come since the last: so many bytes, or such a part of the log where that is more.
EVERY_BYTES, SHARE = 1 << 22, 1 / 16
# So long the end of a run waits for a round that is under way; one that takes longer leaves the index as it was.
PATIENCE_S = 0.1


class OwnIndex:
    """Starts a thread for each round, which takes milliseconds; a short run has none, and imports nothing for it.

    `keep` brings the index of a file up to date.
    """

    def __init__(self, log: Path, keep: Callable[[Path], None]) -> None:
        self._log, self._keep = log, keep
        self._size, self._due = 0, EVERY_BYTES
        self._round: threading.Thread | None = None

    def wrote(self, num_bytes: int) -> None:
        """So many bytes were added to the log."""
        self._size += num_bytes
        if self._size >= self._due:
            self._begin()

    def close(self) -> None:
        """Let a round that is under way end."""
        if self._round is not None:
            self._round.join(PATIENCE_S)

    def _begin(self) -> None:
        if self._round is not None and self._round.is_alive():
            return
        self._due = max(self._size + EVERY_BYTES, int(self._size / (1 - SHARE)))
        self._round = threading.Thread(target=self._write, name=f"index of {self._log.name}", daemon=True)
        with suppress(RuntimeError):  # no more threads: readers make the index themselves
            self._round.start()

    def _write(self) -> None:
        with suppress(Exception):  # it is a help to readers, and none of it may reach the script
            self._keep(self._log)


def keep_index(log: Path) -> None:
    """Bring the index of an event log up to date."""
    from whet.track.logs.logfile import LogFile

    writer = frames.parse_name(log)
    if writer is not None and own_key.seal(b""):  # without a key none is kept
        LogFile(log, writer).refresh()


def keep_none(log: Path) -> None:
    """Of a file that nobody looks things up in."""
