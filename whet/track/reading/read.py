"""History: what a run's logs say, read once and then followed as they grow."""

# n rows   k names of a schema

from __future__ import annotations

import math
import os
import stat
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from whet.track.edits.edit import is_editor
from whet.track.logs import frames
from whet.track.logs.ending import KIND, LAUNCHER
from whet.track.logs.logfile import LogFile
from whet.track.logs.non_finite import Stretch
from whet.track.logs.pyramid import Level
from whet.track.reading import attempts

if TYPE_CHECKING:
    import numpy as np

Status = Literal["new", "running", "done", "stopped", "failed", "killed"]
Cursor = Mapping[str, int]
# The reason of a run that was killed with no launcher to tell why.
UNKNOWN = "why is not known: no launcher has told"
# Curves of so few points are read whole.
_FEW = 20_000

_STATUS_OF_OUTCOME: dict[str, Status] = {"done": "done", "early_stop": "done", "stopped": "stopped"}


@dataclass(frozen=True, slots=True)
class Points:
    """Part of a curve, in the order it was logged: steps (n,) int64, values and Unix times (n,) float64."""

    name: str
    writer: str
    attempt: int
    steps: np.ndarray
    values: np.ndarray
    times: np.ndarray


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at a step; `time` is Unix time."""

    kind: str
    step: int
    time: float
    writer: str
    attempt: int
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class News:
    """What came after a cursor, and the cursor to ask with next time.

    Points of a new attempt replace those of earlier attempts from the first new step on.
    """

    points: list[Points]
    events: list[Event]
    cursor: dict[str, int]


class History:
    """All logs in a folder. `refresh()` reads only what was appended since.

    An attempt that resumes at step s replaces what earlier attempts logged from s on: those steps
    did not lead to the present weights. They remain as `ghosts`.
    """

    def __init__(
        self, folder: Path, reads: Callable[[Set[str]], Set[str]] = lambda writers: writers,
        most_bytes: float = math.inf,
    ) -> None:  # fmt: skip
        """`reads` says of which of the writers the logs are read, by default of all; of each so much is kept as lies in
        `most_bytes` of the file (`LogFile`)."""
        self.folder, self._most_bytes = Path(folder), most_bytes
        self._reads = reads
        self._logs: dict[str, LogFile] = {}
        # All logs, in the order of `_sorted`, and the writer who speaks for the run.
        self._in_order: list[LogFile] = []
        self._speaker = frames.RANK_0
        self.refresh()

    def refresh(self) -> None:
        """Read what the writers have appended."""
        new = {path: writer for path, writer in _found(self.folder) if path.name not in self._logs}
        if new:
            wanted = self._reads({*self.writers, *(writer.name for writer in new.values())})
            self._logs.update({
                path.name: LogFile(path, one, self._most_bytes) for path, one in new.items() if one.name in wanted
            })  # fmt: skip
            self._in_order = sorted(self._logs.values(), key=_place)
            self._speaker = frames.rank_writer(min(self.ranks, default=0))
        for log in self._logs.values():
            log.refresh()

    @property
    def num_bytes(self) -> int:
        """About how much memory it takes."""
        return sum(log.num_bytes for log in self._logs.values())

    @property
    def ranks(self) -> list[int]:
        """Ranks of the run that have logged."""
        return sorted({log.rank for log in self._logs.values() if log.rank is not None})

    @property
    def writers(self) -> list[str]:
        """Everybody who has logged: the ranks of the run, then others by name."""
        return list(dict.fromkeys(log.writer for log in self._sorted()))

    @property
    def status(self) -> Status:
        """How the newest attempt of the lowest rank stands; `new` without logs.

        `killed` means that its process is gone without a word.
        """
        log = self._newest()
        if log is None:
            return "new"
        if log.end is not None:
            return _STATUS_OF_OUTCOME.get(log.end.get("outcome", ""), "failed")
        return "running" if log.is_alive else "killed"

    @property
    def is_settled(self) -> bool:
        """Whether no log can grow any more: all have ended, or their writers are known to be gone."""
        return all(log.end is not None or log.is_gone for log in self._logs.values())

    @property
    def reason(self) -> str:
        """Why it ended, in the run's own words; of one that was killed in its launcher's. Empty while it runs."""
        log = self._newest()
        if log is None or self.status == "running":
            return ""
        return str(log.end.get("reason", "")) if log.end else self._cause(log)

    @property
    def last_step(self) -> int | None:
        """The highest step of the newest attempt that has a curve."""
        steps = [log.outline.last_step for log in self._of(self.speaker) if log.outline.last_step is not None]
        return steps[-1] if steps else None

    @property
    def first_step(self) -> int | None:
        """The lowest step of the newest attempt that has a curve."""
        steps = [log.outline.first_step for log in self._of(self.speaker) if log.outline.first_step is not None]
        return steps[-1] if steps else None

    @property
    def speaker(self) -> str:
        """The lowest rank that has logged, as a writer: it speaks for the run."""
        return self._speaker

    @property
    def spans(self) -> list[tuple[float, float]]:
        """First and last Unix time of each attempt of the lowest rank."""
        return [(log.outline.first_time, log.outline.last_time) for log in self._of(self.speaker)]

    @property
    def dropped(self) -> int:
        """Calls whose record could not be written, over all attempts that ended in order."""
        return sum(log.end.get("dropped", 0) for log in self._logs.values() if log.end)

    @property
    def damaged(self) -> int:
        """Breaks in the logs: frames that were written whole but cannot be read, the disk's fault, or a bug's."""
        return sum(log.num_damaged for log in self._logs.values())

    @property
    def breaks(self) -> list[tuple[str, int, int]]:
        """Of each break the log's file name, the byte where it begins, and how many bytes are lost."""
        return [(log.path.name, *one) for log in self._sorted() for one in log.outline.breaks]

    @property
    def newer(self) -> list[str]:
        """Logs that a later version of whet has written: of these, what this version knows is read."""
        return [log.path.name for log in self._sorted() if log.is_newer]

    @property
    def offsets(self) -> dict[str, int]:
        """By file name how much of each log has been read: up to its last whole frame."""
        return {log.path.name: log.offset for log in self._sorted()}

    def names(self, writer: str | None = None) -> list[str]:
        """Names of all curves, or of those of one writer, in the order they first appeared."""
        logs = self._sorted() if writer is None else self._of(writer)
        return list(dict.fromkeys(name for log in logs for name in log.names()))

    def teller(self, name: str) -> str:
        """Who tells of a curve: `speaker`, or where that has none of the name the first who does (layers, machine)."""
        having = [log.writer for log in self._sorted() if name in log.names()]
        return self.speaker if self.speaker in having or not having else having[0]

    def scalar(self, name: str, writer: str | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Steps (n,) int64 and values (n,) float64 of a writer's curve (of `speaker`, by default); empty without."""
        import numpy as np

        points = self.points(name, writer)
        if not points:
            return np.empty(0, np.int64), np.empty(0)
        return np.concatenate([p.steps for p in points]), np.concatenate([p.values for p in points])

    def points(self, name: str, writer: str | None = None) -> list[Points]:
        """A writer's curve with its times, a part an attempt, without ghosts."""
        return list(self._curve(name, writer or self.speaker, ghosts=False))

    def curve(self, name: str, most: int = 2000, writer: str | None = None) -> Level:
        """A curve to show: at most about `most` buckets with lowest, highest and mean value, none of its spikes lost.

        Short curves have a bucket a point. Of a long one only the index is read, and what a later attempt went over
        again is left out by whole buckets.
        """
        logs = self._of(writer or self.speaker)
        if sum(log.num_rows(name) for log in logs) <= max(most, _FEW):
            return Level.of_points(*self.scalar(name, writer)).at_most(most)
        found = []
        for log, end in _kept(logs):
            level = log.level(name)
            if level is not None:
                found.append(level.before(end))
        return reduce(Level.joined, found).at_most(most)

    def window(self, name: str, first: int, last: int, most: int = 2000, writer: str | None = None) -> Level:
        """A curve from step `first` to `last`: a bucket a point where few enough fit, else as `curve` has it.

        What it costs goes by the size of the window: of a long run, no more is read than lies there.
        """
        logs = self._of(writer or self.speaker)
        levels, points, num = [Level.of_points(*_nothing())], [Level.of_points(*_nothing())], 0
        for log, end in _kept(logs):
            level = log.level(name)
            if level is None:
                continue
            until = int(min(last, end - 1))
            levels.append(level.between(first, until))
            num += len(levels[-1])
            within = log.within(name, first, until) if num <= most else None
            if within is None:
                num = most + 1
            else:
                points.append(Level.of_points(*within))
        return reduce(Level.joined, points if num <= most else levels).at_most(most)

    def non_finite(self, name: str, writer: str | None = None) -> list[Stretch]:
        """Where a writer's curve is NaN or infinite, ghosts left out as far as they are stretches of their own."""
        logs = _kept(self._of(writer or self.speaker))
        return [one for log, end in logs for one in log.non_finite(name) if one.first_step < end]

    def totals(self, name: str, writer: str | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Steps (n,) and what a writer's curve adds up to until each (n,), ghosts left out; long ones in buckets."""
        import numpy as np

        parts, total = [_nothing()], 0.0
        for log, end in _kept(self._of(writer or self.speaker)):
            steps, sums = log.totals(name)
            keep = steps < end
            parts.append((steps[keep], total + sums[keep]))
            total = float(parts[-1][1][-1]) if keep.any() else total
        steps, sums = (np.concatenate(part) for part in zip(*parts, strict=True))
        return steps, sums

    def clock(self, writer: str | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Steps (n,) and the seconds (n,) that the run had lived by then: between attempts the clock stands still."""
        import numpy as np

        parts, lived = [_nothing()], 0.0
        for log, end in _kept(self._of(writer or self.speaker)):
            steps, times = log.clock()
            keep = steps < end
            parts.append((steps[keep], lived + times[keep] - log.outline.first_time))
            lived += log.outline.last_time - log.outline.first_time
        steps, seconds = (np.concatenate(part) for part in zip(*parts, strict=True))
        return steps, seconds

    def num_points(self, name: str, writer: str | None = None) -> int:
        """How many points a writer's curve has, ghosts included."""
        return sum(log.num_rows(name) for log in self._of(writer or self.speaker))

    def resumes(self, writer: str | None = None) -> list[tuple[int, int]]:
        """Of each later attempt of a writer that has a curve its number and first step."""
        firsts = [(log.attempt, log.outline.first_step) for log in self._of(writer or self.speaker)]
        return [(attempt, first) for attempt, first in firsts if first is not None][1:]

    def recent(self, name: str, writer: str | None = None) -> np.ndarray:
        """The newest values that a writer (by default the speaker) has logged, at most 64."""
        import numpy as np

        logs = [log for log in self._of(writer or self.speaker) if log.num_rows(name)]
        return logs[-1].recent(name) if logs else np.empty(0)

    def ghosts(self, name: str, writer: str | None = None) -> list[Points]:
        """What earlier attempts logged at steps that a later one went over again."""
        return list(self._curve(name, writer or self.speaker, ghosts=True))

    def events(self, kind: str | None = None) -> list[Event]:
        """Events of all writers and attempts, by time."""
        return self.events_of(None if kind is None else (kind,))

    def events_of(self, kinds: Collection[str] | None, writer: str | None = None) -> list[Event]:
        """Events of some kinds (None: of all) of one writer or of all, by time. Of others nothing is read."""
        logs = self._logs.values() if writer is None else self._of(writer)
        found = [event for log in logs for event in _events(log, 0, kinds)]
        return sorted(found, key=lambda event: event.time)

    def since(self, cursor: Cursor | None = None, names: Collection[str] | None = None) -> News:
        """What `refresh` has read behind the cursor, points of all curves or of some; a cursor is JSON and outlives
        this object."""
        cursor = cursor or {}
        points, events = [], []
        for log in self._sorted():
            start = cursor.get(log.path.name, 0)
            wanted = [name for name in log.names() if names is None or name in names]
            parts = log.columns(wanted, start) if start < log.offset else {}
            points += [Points(name, log.writer, log.attempt, *part) for name, part in parts.items() if len(part[0])]
            events += _events(log, start)
        return News(points, events, self.offsets)

    def _curve(self, name: str, writer: str, ghosts: bool) -> Iterator[Points]:
        for log, end in _kept(self._of(writer)):
            steps, values, times = log.column(name)
            is_ghost = steps >= end
            keep = is_ghost if ghosts else ~is_ghost
            if keep.any():
                yield Points(name, writer, log.attempt, steps[keep], values[keep], times[keep])

    def _cause(self, log: LogFile) -> str:
        """What a launcher has told of a writer that was killed."""
        for event in self.events(KIND):
            if (event.payload.get("writer"), event.payload.get("attempt")) == (log.writer, log.attempt):
                return str(event.payload.get("cause"))
        return UNKNOWN

    def _sorted(self) -> list[LogFile]:
        return self._in_order

    def _of(self, writer: str) -> list[LogFile]:
        return [log for log in self._sorted() if log.writer == writer]

    def _newest(self) -> LogFile | None:
        logs = self._of(self.speaker)
        return logs[-1] if logs else None


def _nothing() -> tuple[np.ndarray, np.ndarray]:
    import numpy as np

    return np.empty(0, np.int64), np.empty(0)


def speaking(writers: Set[str]) -> Set[str]:
    """Of all writers those that a listing needs: the lowest rank, the launcher, which tells of a kill, and edits."""
    ranks = [rank for name in writers if (rank := frames.Writer(name, 1).rank) is not None]
    return {frames.rank_writer(min(ranks, default=0)), LAUNCHER, *filter(is_editor, writers)}


def _found(folder: Path) -> Iterator[tuple[Path, frames.Writer]]:
    """The logs in a folder that have been begun, and whose they are."""
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in names:
        writer = frames.parse_name(folder / name) if name.endswith(frames.LOG) else None
        if writer:
            with suppress(OSError):
                state = os.stat(folder / name)
                if stat.S_ISREG(state.st_mode) and state.st_size:
                    yield folder / name, writer


def _place(log: LogFile) -> tuple[bool, int, str, int]:
    return log.rank is None, log.rank or 0, log.writer, log.attempt


def _kept(logs: Sequence[LogFile]) -> list[tuple[LogFile, float]]:
    """Logs of one writer, each with the step from which on a later attempt replaces it."""
    return attempts.kept(logs, lambda log: log.outline.first_step)


def _events(log: LogFile, start: int, wanted: Collection[str] | None = None) -> list[Event]:
    return [
        Event(kind, step, time, log.writer, log.attempt, payload)
        for offset, time, step, (kind, payload) in log.events(wanted)
        if offset >= start
    ]
