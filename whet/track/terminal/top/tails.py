"""The end of what a run has printed, followed as it grows; of a run that kept nothing, what its log tells."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from pathlib import Path

from whet.base.regular import opened
from whet.track.logs import frames
from whet.track.logs.scan import Other, Scanner
from whet.track.reading.read import History
from whet.track.reading.store import LOGS
from whet.track.recorded.console_reading import Printed, lines
from whet.track.recorded.record_file import record_files
from whet.track.terminal.progress import printable
from whet.track.terminal.terminal_page import NOTICES, notice

# Of a long console only so much of its end is read, and so many pieces of it are kept.
_END_BYTES, _PIECES = 1 << 17, 500


class ConsoleTail:
    """The newest pieces of a run's console, of all ranks."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / LOGS
        self._scanners: dict[Path, Scanner] = {}
        self._pieces: deque[Printed] = deque(maxlen=_PIECES)

    def lines(self, most: int) -> list[str]:
        """The last lines, as a terminal would show them."""
        for name, paths in record_files(self._folder, frames.CONSOLE_FILE).items():
            for path in paths:
                self._read(path, name)
        found = lines(sorted(self._pieces, key=lambda one: one.time)) if self._pieces else []
        return [text for _, text in found if text][-most:] if most else []

    def _read(self, path: Path, rank: str) -> None:
        try:
            size = path.stat().st_size
            scanner = self._scanners.setdefault(path, Scanner(max(0, size - _END_BYTES)))
            if size <= scanner.offset:
                return
            with opened(path, "rb") as file:
                file.seek(scanner.offset)
                data = file.read(size - scanner.offset)
        except OSError:  # gone, forbidden, on a disk that fails
            return
        start = scanner.offset
        for found in scanner.scan(data, True):
            if isinstance(found, Other) and found.type == frames.TEXT:
                moment, step = frames.STAMP.unpack_from(found.payload)
                stream = frames.HEAD.unpack_from(data, found.offset - start)[3]
                body = found.payload[frames.STAMP.size :]
                self._pieces.append(Printed(moment, step, rank, 0, "stderr" if stream == 2 else "stdout", body))


def notices(logs: History, most: int) -> Sequence[str]:
    """The last things that a run's log tells: notices, checkpoints, alerts, artifacts."""
    events = [event for event in logs.events() if event.kind in NOTICES][-most:] if most else []
    return [f"step {event.step}  {printable(notice(event))}" for event in events]
