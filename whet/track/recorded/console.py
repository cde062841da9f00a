"""The console of a process: what Python writes to stdout and stderr is kept as well as shown, with its time and step.

A file a rank and attempt beside the run's log, `r0.a1.console` (`whet.track.logs.frames`). The streams stay what they
are (terminals stay terminals): only their `write` is wrapped, so that exit codes, Ctrl-C and children are as without.
What other code writes to the descriptors past Python (a library in C, a child process) is shown and not kept.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from whet.track.logs import frames
from whet.track.logs.event_log import EventLog

STREAMS = {"stdout": 1, "stderr": 2}
# A progress bar that is redrawn in place is kept this often; of a run so much in all.
REDRAW_S, LIMIT_BYTES = 1.0, 64 << 20
_PIECE_BYTES = 1 << 14


class Console:
    """Keeps what is written until `close`. Never raises into whoever writes."""

    def __init__(self, logs: Path, writer: str, step: Callable[[], int]) -> None:
        self._log = EventLog(logs, writer, frames.CONSOLE_FILE)
        self._step, self._lock, self._pid = step, threading.RLock(), os.getpid()
        self._room, self._is_inside = LIMIT_BYTES, False
        self._pending = dict.fromkeys(STREAMS.values(), b"")
        self._redrawn = dict.fromkeys(STREAMS.values(), 0.0)
        self._wrapped: list[tuple[Any, Any]] = []
        for name, number in STREAMS.items():
            self._wrap(getattr(sys, name), number)

    def close(self) -> None:
        """Write what is pending and leave the streams as they were; who has wrapped them again since keeps them."""
        for stream, write in self._wrapped:
            if vars(stream).get("write") is write:
                with suppress(AttributeError):
                    del stream.write
        self._wrapped.clear()
        with self._lock:
            for number in self._pending:
                self._flush(number)
            self._log.close("done", "")

    def _wrap(self, stream: Any, number: int) -> None:
        """Let the stream's `write` tell us too. One that has no attributes of its own, or none at all, is left."""
        real = getattr(stream, "write", None)
        if real is None:
            return

        def write(text: Any, *rest: Any) -> Any:
            done = real(text, *rest)
            self._take(number, text)
            return done

        with suppress(AttributeError, TypeError):
            stream.write = write
            self._wrapped.append((stream, write))

    def _take(self, number: int, text: Any) -> None:
        """Keep a text, unless it comes of keeping one, or in a forked child."""
        if os.getpid() != self._pid or self._log.is_closed:
            return
        with self._lock:
            if self._is_inside:
                return
            self._is_inside = True
            try:
                data = text.encode("utf-8", "backslashreplace") if isinstance(text, str) else bytes(text)
                self._add(number, data)
            except Exception as error:  # whoever writes to the console goes on
                self._log.drop(error)
            finally:
                self._is_inside = False

    def _add(self, number: int, data: bytes) -> None:
        pending = self._pending[number] + data
        self._pending[number] = pending
        now = time.monotonic()
        if b"\n" in data or len(pending) > _PIECE_BYTES:
            self._flush(number)
        elif b"\r" in data and now - self._redrawn[number] >= REDRAW_S:
            self._redrawn[number] = now
            self._flush(number)
        elif b"\r" in data:  # of a line that is drawn over itself the newest form is enough
            last = pending.rstrip(b"\r")
            kept = last[max(0, last.rfind(b"\r")) :]
            self._pending[number] = pending[: pending.rfind(b"\n") + 1] + kept + pending[len(last) :]

    def _flush(self, number: int) -> None:
        data, self._pending[number] = self._pending[number], b""
        if not data or self._room <= 0:
            return
        self._room -= len(data)
        if self._room <= 0:
            data += b"\n[whet keeps no more of the console]\n"
        self._log.frame(frames.TEXT, number, self._step(), data)
