"""The sink `log`: everything into the run's event log, from which pages and curves are made."""

from __future__ import annotations

from pathlib import Path

from whet.base.catalogue import sink
from whet.track.logs.event_log import EventLog
from whet.track.logs.frames import rank_writer
from whet.track.push.start import push_beside
from whet.track.reading.leave_listing import leave_listing
from whet.track.reading.store import LOGS
from whet.track.records import EvaluationRecord, Record, RunEnded, StepRecord, content


@sink("log")
def log(folder: Path, rank: int) -> LogSink:
    """Everything into the run's event log, a file a rank and attempt; where WHET_SERVER is set, it is pushed there."""
    log = EventLog(folder / LOGS, rank_writer(rank))
    push_beside(folder)
    return LogSink(log, is_first=rank == 0)


class LogSink:
    """Numbers of steps and evaluations become curves, all other records events.

    `is_first`: the one that leaves the run's listing when it has ended.
    """

    def __init__(self, log: EventLog, *, is_first: bool = True) -> None:
        self._log, self._is_first = log, is_first

    def receive(self, record: Record) -> None:
        if isinstance(record, StepRecord):
            self._log.scalars(record.step, record.scalars())
        elif isinstance(record, EvaluationRecord):
            self._log.scalars(record.step, {**record.scalars(), "eval/seconds": record.seconds})
        else:
            self._log.event(record.kind, record.step, content(record))
        if isinstance(record, RunEnded):
            self._log.close(record.outcome, record.reason)

    def close(self) -> None:
        self._log.close("failed", "it was closed before it ended")
        if self._is_first:
            leave_listing(self._log.path.parents[1])
