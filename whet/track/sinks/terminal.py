"""The sink `terminal`: a live bar where somebody watches, a plain line now and then elsewhere."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from whet.base.catalogue import sink
from whet.base.settings import Positive
from whet.track.records import Record, RunEnded, Sink, StepRecord
from whet.track.terminal.progress import Progress, describe


@sink("terminal")
def terminal(folder: Path, rank: int, *, every_s: Positive = 5.0) -> Sink:
    """Progress on stderr: a live bar on a terminal, else plain lines. Only rank 0 speaks.

    every_s: seconds between the plain lines of steps, where there is no terminal
    """
    if rank:
        return Silent()
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        from whet.track.terminal.live import LiveSink

        return LiveSink(folder.name)
    return PlainSink(sys.stderr, every_s)


class Silent:
    """Says nothing."""

    def receive(self, record: Record) -> None:
        pass

    def close(self) -> None:
        pass


class PlainSink:
    """A line for each event, and for a step at most every `every_s` seconds; the first and last step always."""

    def __init__(self, stream: TextIO, every_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._every_s, self._clock = stream, every_s, clock
        self._progress = Progress()
        self._said_at = float("-inf")
        self._unsaid = False

    def receive(self, record: Record) -> None:
        now = self._clock()
        self._progress.take(record, now)
        if not isinstance(record, StepRecord):
            if self._unsaid and isinstance(record, RunEnded):
                self._say(self._progress.line())
            self._say(describe(record))
        elif now - self._said_at >= self._every_s:
            self._said_at, self._unsaid = now, False
            self._say(self._progress.line())
        else:
            self._unsaid = True

    def close(self) -> None:
        pass

    def _say(self, line: str) -> None:
        with suppress(OSError, ValueError):  # a closed pipe must not end a training
            print(line, file=self._stream, flush=True)
