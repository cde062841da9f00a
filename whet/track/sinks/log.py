"""The sink `log`: everything into the run's event log, from which pages and curves are made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from whet.base.catalogue import sink
from whet.track.log import EventLog
from whet.track.record import content
from whet.track.store import LOGS


@sink("log")
def log(folder: Path, rank: int) -> LogSink:
    """Everything into the run's event log, a file a rank and attempt."""
    return LogSink(EventLog(folder / LOGS, rank))


class LogSink:
    """Numbers of steps and evaluations become curves, all other records events."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    def receive(self, record: Any) -> None:
        scalars = getattr(record, "scalars", None)
        if scalars is None:
            self._log.event(record.kind, record.step, content(record))
        elif record.kind == "evaluation":
            self._log.scalars(record.step, {**scalars(), "eval/seconds": record.seconds})
        else:
            self._log.scalars(record.step, scalars())
        if record.kind == "ended":
            self._log.close(record.outcome, record.reason)

    def close(self) -> None:
        self._log.close("failed", "it was closed before it ended")
