"""LogFile: one writer's log of one attempt, followed as it grows; its curves in full, or summed up at once."""

# n rows

from __future__ import annotations

import math
import os
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whet.base.regular import opened
from whet.track.logs import frames, index, liveness, spool, window
from whet.track.logs.non_finite import Stretch
from whet.track.logs.pyramid import SIZE, Level, Pyramid
from whet.track.logs.scan import Break, Found, Names, Other, Rows, Scanner

if TYPE_CHECKING:
    import numpy as np

# Where the file system has no locks, a run that has not logged for so long counts as killed.
STALE_S = 600.0
# A log is read in pieces of this size.
_PIECE_BYTES = 1 << 24
# The index is written anew once so much of the log, and so large a part, lies behind it.
_INDEX_BYTES, _INDEX_SHARE = 1 << 20, 1 / 20


class LogFile:
    """What one writer has logged so far. A torn tail is left for the next `refresh`.

    Of the rows and events so much is kept as lies in `most_bytes` of the file, by default all. What is not kept is read
    again where somebody asks for it, and curves in buckets never need it.
    """

    def __init__(self, path: Path, writer: frames.Writer, most_bytes: float = math.inf) -> None:
        self.path, self._most_bytes = path, most_bytes
        self.rank = writer.rank
        self.writer, self.attempt = writer
        self.is_alive = False
        self.is_unreadable = False
        self.outline, self._pyramids = index.read(path)
        self._scanner = Scanner(self.outline.offset, self.outline.schemas)
        self._indexed = self.outline.offset
        self._events: dict[int, tuple[float, int, Any]] = {}
        self._event_bytes = 0
        self._rows: dict[Names, list[Rows]] = {}
        # From this byte on rows are kept: from the first one on once somebody asks for a whole curve that may be kept.
        self._kept_from = self.outline.offset

    @property
    def offset(self) -> int:
        """How much of the file has been read."""
        return self._scanner.offset

    @property
    def num_bytes(self) -> int:
        """About how much memory it takes."""
        places = 100 * len(self.outline.events)
        rows = self.offset - self._kept_from
        return rows + 8 * self._event_bytes + places + sum(p.num_bytes for p in self._pyramids.values())

    @property
    def end(self) -> dict[str, Any] | None:
        return self.outline.end

    @property
    def num_damaged(self) -> int:
        """Breaks, and one more if the file cannot be read at all."""
        return len(self.outline.breaks) + self.is_unreadable

    @property
    def is_newer(self) -> bool:
        """Whether a later version of whet has written it."""
        return self.outline.format > frames.FORMAT

    @property
    def is_gone(self) -> bool:
        """Whether its writer had a lock, and has it no more."""
        return bool(self.outline.start) and bool(self.outline.start.get("locked", True)) and not self.is_alive

    def refresh(self) -> None:
        """Read what was appended. The lock is asked first: a writer that ends in between is not `killed`."""
        if self.end is not None and not self._goes_on():
            return
        is_held = liveness.is_held(self.path)
        try:
            if not is_held:
                spool.recover(self.path)
            about = self.path.stat()
            is_kept = about.st_size - self._kept_from <= self._most_bytes
            for found in self._read(self._scanner, None):
                self._take(found)
                if is_kept and isinstance(found, Rows):
                    self._rows.setdefault(found.names, []).append(found)
            if not is_kept:
                self._rows.clear()
                self._kept_from = self.offset
            age_s = time.time() - about.st_mtime
        except OSError:  # gone, forbidden, on a disk that fails
            self.is_unreadable = True
            return
        self.is_alive = is_held or (not self.outline.start.get("locked", True) and age_s < STALE_S)
        behind = self.offset - self._indexed
        if behind > max(_INDEX_BYTES, _INDEX_SHARE * self._indexed):
            self.write_index()

    def _goes_on(self) -> bool:
        """Whether something lies behind the end."""
        with suppress(OSError):
            return self.path.stat().st_size > self.offset
        return False

    def write_index(self) -> None:
        """Keep what is known beside the log, if its folder can be written."""
        self.outline.offset, self.outline.schemas = self.offset, self._scanner.schemas
        self.outline.redefined = self._redefined
        if not self.is_newer and index.write(self.path, self.outline, self._pyramids):
            self._indexed = self.offset

    def names(self) -> list[str]:
        """Names of its curves, in the order they first appeared."""
        return list(dict.fromkeys(name for names in self._pyramids for name in names))

    def num_rows(self, name: str) -> int:
        """How many points a curve has."""
        return sum(pyramid.num_rows for pyramid in self._with(name))

    def recent(self, name: str) -> np.ndarray:
        """The newest values of a curve, at most 64, in the order logged."""
        import numpy as np

        found = [
            (p.recent_offsets, p.recent[:, p.names.index(name)])
            for p in self._with(name)
            if p.recent is not None and p.recent_offsets is not None
        ]
        if len(found) < 2:
            return found[0][1] if found else np.empty(0)
        offsets, values = (np.concatenate(part) for part in zip(*found, strict=True))
        return values[np.argsort(offsets)][-SIZE:]

    def events(self, kinds: Collection[str] | None = None) -> list[tuple[int, float, int, Any]]:
        """Offset, time, step, and kind with payload of the events of some kinds, or of all."""
        known = self.outline.kinds
        wanted = {number for number, kind in enumerate(known) if kinds is None or kind in kinds}
        places = [place for place, number in self.outline.events if number in wanted] if wanted else []
        found = {place: self._events[place] for place in places if place in self._events}
        found |= self._read_events([place for place in places if place not in found])
        return [(place, *found[place]) for place in places if place in found]

    def column(self, name: str, start: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Steps, values and times of a curve from byte `start` of the file on, in the order written."""
        return self.columns([name], start)[name]

    def columns(self, names: Collection[str], start: int = 0) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """The same of several curves, by name."""
        import numpy as np

        parts: dict[str, list[tuple[np.ndarray, ...]]] = {name: [] for name in names}
        for rows in self._rows_from(start, names):
            first = np.searchsorted(rows.offsets, start)
            places = rows.offsets[first:], rows.steps[first:], rows.times[first:]
            for number, name in enumerate(rows.names):
                if name in parts:
                    parts[name].append((*places, rows.values[first:, number]))
        return {name: _in_order(some) for name, some in parts.items()}

    def within(self, name: str, first: int, last: int) -> tuple[np.ndarray, np.ndarray] | None:
        """Steps and values of a curve from step `first` to `last`; None where that is too much to read."""
        import numpy as np

        if self._kept_from == 0:
            steps, values, _ = self.column(name)
            is_inside = (steps >= first) & (steps <= last)
            return steps[is_inside], values[is_inside]
        try:
            found = [window.points(self.path, p, name, first, last) for p in self._with(name)]
        except OSError:
            return None
        parts = [part for part in found if part is not None]
        if len(parts) < len(found) or not parts:
            return None
        steps, values = (np.concatenate(part) for part in zip(*parts, strict=True))
        order = np.argsort(steps, kind="stable")
        return steps[order], values[order]

    def totals(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Steps, ascending, and what the values of a curve add up to until each, in buckets where it is long."""
        import numpy as np

        if self._kept_from == 0:
            steps, values, _ = self.column(name)
            return steps, np.cumsum(np.nan_to_num(values))
        found = [p.totals(name) for p in self._with(name)]
        if not found:
            return np.empty(0, np.int64), np.empty(0)
        offsets, steps, sums = (np.concatenate(part) for part in zip(*found, strict=True))
        order = np.argsort(offsets, kind="stable")
        return steps[order], np.cumsum(sums[order])

    def clock(self) -> tuple[np.ndarray, np.ndarray]:
        """Steps, ascending, and Unix times at which they were logged, by the curve that has the most points."""
        import numpy as np

        name = max(self.names(), key=self.num_rows, default=None)
        if name is None:
            return np.empty(0, np.int64), np.empty(0)
        if self._kept_from == 0:
            steps, _, times = self.column(name)
            return steps, times
        level, outline = self.level(name), self.outline
        if level is None:
            return np.empty(0, np.int64), np.empty(0)
        return np.append(level.first_steps, outline.last_step or 0), np.append(level.times, outline.last_time)

    def non_finite(self, name: str) -> list[Stretch]:
        """Where a curve is NaN or infinite, by step."""
        found = [one for p in self._with(name) for one in p.non_finite.of(p.names.index(name))]
        return sorted(found, key=lambda one: one.first_step)

    def level(self, name: str) -> Level | None:
        """A curve in buckets, in the order written; None for one that is not here."""
        found = [p.level(name) for p in self._with(name)]
        levels = [level for level in found if level is not None]
        if len(levels) < 2:
            return levels[0] if levels else None
        return reduce(Level.joined, levels).sorted()

    def _with(self, name: str) -> list[Pyramid]:
        return [pyramid for names, pyramid in self._pyramids.items() if name in names]

    def _read(self, scanner: Scanner, until: int | None) -> Iterator[Found]:
        """What a scanner finds from where it stands, up to byte `until` or the end of the file."""
        piece_bytes = _PIECE_BYTES
        with opened(self.path, "rb") as file:
            size = os.fstat(file.fileno()).st_size if until is None else until
            while scanner.offset < size:
                before = scanner.offset
                if before:
                    file.seek(before)
                data = file.read(min(piece_bytes, size - before))
                if not before:
                    self.outline.format = frames.format_of(data) or frames.FORMAT
                is_last = before + len(data) >= size
                yield from scanner.scan(data, is_last)
                if is_last:
                    break
                if scanner.offset == before:  # one frame larger than the piece
                    piece_bytes *= 2

    def _take(self, found: Found) -> None:
        if isinstance(found, Rows):
            if found.names not in self._pyramids:
                self._pyramids[found.names] = Pyramid(found.names)
            self._pyramids[found.names].add(found)
            self.outline.stretch(int(found.steps.min()), int(found.steps.max()), float(found.times[-1]))
        elif isinstance(found, Break):
            self.outline.breaks.append((found.offset, found.num_bytes))
        else:
            self._take_other(found)

    def _take_other(self, frame: Other) -> None:
        """One frame that is not a row. Types of later versions are passed over."""
        moment, step = frames.STAMP.unpack_from(frame.payload)
        outline = self.outline
        outline.last_time = max(outline.last_time, moment)
        if frame.type not in (frames.START, frames.SCHEMA, frames.EVENT, frames.END):
            return
        value = frames.parsed(frame.payload)
        form: Any = list if frame.type in (frames.SCHEMA, frames.EVENT) else dict
        if not isinstance(value, form) or (frame.type == frames.EVENT and not _is_event(value)):
            outline.breaks.append((frame.offset, frames.HEAD.size + len(frame.payload)))
        elif frame.type == frames.START:
            # A second start is that of a writer who went on behind its end (`EventLog.reopened`).
            outline.start, outline.first_time, outline.end = value, outline.first_time or moment, None
        elif frame.type == frames.EVENT:
            outline.add_event(frame.offset, value[0])
            self._keep_event(frame.offset, (moment, step, value), len(frame.payload))
        elif frame.type == frames.END:
            outline.end = value

    def _read_events(self, places: list[int]) -> dict[int, tuple[float, int, Any]]:
        """Events of which the places are known, by place."""
        found: dict[int, tuple[float, int, Any]] = {}
        if not places:
            return found
        with opened(self.path, "rb") as file:
            for place in places:
                file.seek(place)
                head = file.read(frames.HEAD.size)
                payload = file.read(frames.HEAD.unpack(head)[0]) if len(head) == frames.HEAD.size else b""
                value = frames.parsed(payload)
                if isinstance(value, list) and _is_event(value):
                    found[place] = *frames.STAMP.unpack_from(payload), value
                    self._keep_event(place, found[place], len(payload))
        return found

    def _keep_event(self, place: int, event: tuple[float, int, Any], num_bytes: int) -> None:
        if 8 * (self._event_bytes + num_bytes) > self._most_bytes:
            self._events.clear()
            self._event_bytes = 0
        self._events[place] = event
        self._event_bytes += num_bytes

    def _rows_from(self, start: int, names: Collection[str]) -> Iterator[Rows]:
        """The rows of some names from byte `start` on, and some before it: those that are kept, else read again."""
        if start < self._kept_from and self.offset > self._most_bytes:
            yield from self._read_again(start, names)
            return
        self._load_rows(start)
        for schema in self._rows:
            if not set(names).isdisjoint(schema):
                yield from self._behind(schema, start)

    def _read_again(self, start: int, wanted: Collection[str]) -> Iterator[Rows]:
        """Rows with the values of some names alone, from where schemas are what they are now."""
        begin = start if start >= self._redefined else 0
        for found in self._read(Scanner(begin, self._scanner.schemas if begin else None), self.offset):
            if isinstance(found, Rows):
                places = [number for number, name in enumerate(found.names) if name in wanted]
                if places:
                    names = tuple(found.names[number] for number in places)
                    yield Rows(names, found.offsets, found.times, found.steps, found.values[:, places])

    @property
    def _redefined(self) -> int:
        """Behind this byte no schema has got another meaning."""
        return max(self.outline.redefined, self._scanner.redefined)

    def _load_rows(self, start: int) -> None:
        """Read the rows from byte `start` on, if the index alone has been read there: all of them, once."""
        until = self._kept_from
        if start >= until:
            return
        self._kept_from = 0
        before: dict[Names, list[Rows]] = {}
        for found in self._read(Scanner(), until):
            if isinstance(found, Rows):
                before.setdefault(found.names, []).append(found)
        for names, rows in before.items():
            self._rows[names] = rows + self._rows.get(names, [])

    def _behind(self, names: Names, start: int) -> list[Rows]:
        """The pieces of one schema that have rows from byte `start` on; all of them joined, for whoever wants all."""
        if start == 0:
            return [self._block(names)]
        pieces = self._rows[names]
        num = next((num for num, rows in enumerate(reversed(pieces)) if rows.offsets[-1] < start), len(pieces))
        return pieces[len(pieces) - num :]

    def _block(self, names: Names) -> Rows:
        """All rows of one schema; what came in pieces is joined and kept so."""
        import numpy as np

        pieces = self._rows[names]
        if len(pieces) > 1:
            fields = [one.arrays() for one in pieces]
            pieces[:] = [Rows(names, *(np.concatenate(part) for part in zip(*fields, strict=True)))]
        return pieces[0]


def _in_order(parts: list[tuple[np.ndarray, ...]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Steps, values and times of parts (offsets, steps, times, values), in the order of their offsets."""
    import numpy as np

    if not parts:
        return np.empty(0, np.int64), np.empty(0), np.empty(0)
    offsets, steps, times, values = parts[0]
    if len(parts) > 1:
        offsets, steps, times, values = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        order = np.argsort(offsets, kind="stable")
        steps, times, values = steps[order], times[order], values[order]
    return steps, values, times


def _is_event(value: list[Any]) -> bool:
    return len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], dict)
