"""Emitter: hands records to the sinks, and lets one that raises end itself instead of the run."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import suppress

from whet.base.errors import first_line
from whet.track.records import Notice, Record, Sink


class Emitter:
    """Calls each of `sinks` (by the name of its kind) with each record, in order."""

    def __init__(self, sinks: Mapping[str, Sink]) -> None:
        self._sinks = dict(sinks)

    @property
    def sinks(self) -> list[Sink]:
        """Those that still receive."""
        return list(self._sinks.values())

    def __call__(self, record: Record) -> None:
        ended = {name: error for name, one in self._sinks.items() if (error := _refused(one, record)) is not None}
        for name in ended:
            _close(self._sinks.pop(name))
        for name, error in ended.items():
            text = f"the sink `{name}` has ended: {first_line(error)}; the run goes on without it"
            if not self._sinks:
                print(f"whet: {text}", file=sys.stderr, flush=True)
            self(Notice(record.step, "warning", text))

    def close(self) -> None:
        """Close the sinks that are left."""
        for one in self.sinks:
            one.close()


def _refused(sink: Sink, record: Record) -> Exception | None:
    try:
        sink.receive(record)
    except Exception as error:  # whatever its author forgot
        return error
    return None


def _close(sink: Sink) -> None:
    with suppress(Exception):
        sink.close()
