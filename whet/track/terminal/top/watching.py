"""Runs of a root, followed: what is settled comes from the catalogue, what grows is read on from where it was."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from whet.track.reading.catalogue import Catalogue, said_of, stamp
from whet.track.reading.query import Query
from whet.track.reading.read import History
from whet.track.reading.rows import row_of
from whet.track.reading.store import Summary, folders, history, summarize

LIVE = ("running", "new")
# New runs are looked for so often; the logs of those that are known are read at every look.
_LOOK_S = 2.0
# Seconds over which the pace of a run is taken.
_PACE_S = 60.0


@dataclass(slots=True)
class Followed:
    """A run that may grow: its logs, its row, and the moments (Unix time) at which it stood at a step."""

    logs: History
    summary: Summary
    offsets: dict[str, int]
    moments: list[tuple[float, int]] = field(default_factory=list)

    @property
    def steps_per_s(self) -> float | None:
        """The pace of late; at first that since the attempt began. None before there are two steps."""
        if len(self.moments) < 2 or self.moments[-1][0] <= self.moments[0][0]:
            return None
        (start, first), (now, last) = self.moments[0], self.moments[-1]
        return (last - first) / (now - start) if last > first else None

    @property
    def left_s(self) -> float | None:
        """Seconds to the last step at this pace, where the run has said how many there are."""
        pace, run = self.steps_per_s, self.summary
        if pace is None or run.total is None or run.step is None or run.status not in LIVE:
            return None
        return max(0, run.total - run.step) / pace


class Watched:
    """All runs under a root. `look()` reads what has changed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._settled: dict[str, Summary] = {}
        self._said: Mapping[str, Any] = {}
        self._followed: dict[str, Followed] = {}
        self._stamps: dict[str, str] = {}
        self._looked_at = -_LOOK_S

    def look(self) -> None:
        """Find new runs now and then, and read on in those that may grow."""
        now = time.monotonic()
        if now - self._looked_at >= _LOOK_S:
            self._looked_at = now
            self._find()
        for name in list(self._followed):
            self._read(name)

    def runs(self, query: Query | None = None, *, only_live: bool = False) -> list[Summary]:
        """Those that a filter takes: running ones first, then the latest started."""
        found = [*self._settled.values(), *(one.summary for one in self._followed.values())]
        found = [run for run in found if not only_live or run.status in LIVE]
        if query is not None and query.text:
            found = [run for run in found if query.takes(row_of(run, self._said_of(run)))]
        return sorted(found, key=lambda run: (run.status not in LIVE, -(run.started or 0.0), run.name))

    def logs(self, name: str) -> History:
        """The logs of a run, kept from now on."""
        return self._followed[name].logs if name in self._followed else self._opened(name).logs

    def followed(self, name: str) -> Followed | None:
        """What is known of a run that is followed."""
        return self._followed.get(name)

    def _find(self) -> None:
        """Open the runs that are new or have a new log; those that were there at first are known by the catalogue."""
        if not self._stamps and self.root.is_dir():
            with closing(Catalogue(self.root)) as catalogue:
                found, self._said = catalogue.runs(), catalogue.said()
            self._settled = {run.name: run for run in found if run.status not in LIVE}
            self._stamps = {name: stamp(self.root / name) for name in self._settled}
        present = {folder.name: stamp(folder) for folder in folders(self.root)}
        for known in (self._settled, self._followed):
            for name in [name for name in known if name not in present]:
                del known[name]
        for name, now in present.items():
            if name not in self._followed and self._stamps.get(name) != now:
                self._opened(name)
        self._stamps = present

    def _opened(self, name: str) -> Followed:
        folder = self.root / name
        logs = history(folder)
        one = self._followed[name] = Followed(logs, summarize(folder, logs), dict(logs.offsets))
        self._settled.pop(name, None)
        _note(one)
        return one

    def _read(self, name: str) -> None:
        one = self._followed[name]
        one.logs.refresh()
        if one.logs.offsets != one.offsets or one.logs.status != one.summary.status:
            one.offsets, one.summary = dict(one.logs.offsets), summarize(one.summary.folder, one.logs)
            _note(one)

    def _said_of(self, run: Summary) -> Mapping[str, Any]:
        if run.name in self._followed:
            return said_of(run.folder, self._followed[run.name].logs)
        return self._said.get(run.name, {"about": {}, "config": {}, "summary": {}})


def _note(one: Followed) -> None:
    """Remember where the run stands, and when it began."""
    spans, step = one.logs.spans, one.summary.step
    if not spans or step is None:
        return
    first, last = spans[-1]
    if not one.moments:
        one.moments = [(first, one.logs.first_step or 0)]
    if last > one.moments[-1][0]:
        one.moments.append((last, step))
    while len(one.moments) > 2 and one.moments[1][0] < last - _PACE_S:
        del one.moments[0]
