"""EventLog: a writer's append-only record of one attempt, which survives a kill at any instant."""

from __future__ import annotations

import errno
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

from whet.base.errors import RunError
from whet.base.regular import opened
from whet.track.logs import frames, liveness, spool
from whet.track.logs.announced import announce
from whet.track.logs.own_index import OwnIndex, keep_index
from whet.track.logs.spool import Spool
from whet.track.script.plain import to_json

# The curve of the records that could not be written, once one could again.
DROPPED = "tracker/dropped"
_CLOSED = "the log is closed, or another process than the one that opened it"


class Held(RunError):
    """Somebody else writes the log."""


class EventLog:
    """Writes `<writer>.a<attempt>.tlog` in `folder`; the attempt is the next free number. With another `suffix` it is
    a record of its own (rows, console), with frames of its own types, which whoever lists runs does not read.

    Each call is one `os.write` of whole frames, so what was logged before a SIGKILL is in the file.
    (A power cut may take what the kernel had not yet stored.) Opening raises RunError; after that
    nothing raises: what cannot be written is counted in `dropped` and said once on stderr. Safe to
    call from several threads. A forked child can neither write to the log nor keep it alive.
    """

    def __init__(
        self, folder: Path, writer: str = frames.RANK_0, suffix: str = frames.LOG,
        keep: Callable[[Path], None] = keep_index,
    ) -> None:  # fmt: skip
        """`keep` brings the index of the file up to date, now and then, in a thread."""
        self._keep = keep
        self._begin(Path(folder), partial(_create, writer=writer, suffix=suffix))

    @classmethod
    def reopened(cls, path: Path) -> EventLog:
        """Go on in a log that its writer has left, and take back the end that it may have; a torn tail is cut off.

        For writers whose run is one stretch however often they are started: an attempt of its own would turn what
        lies before it into ghosts. Raises Held where another holds it, and RunError where it cannot be written.
        """
        log = cls.__new__(cls)
        log._keep = keep_index
        log._begin(path.parent, partial(_reopen, path))
        return log

    def _begin(self, folder: Path, take: Callable[[Path], tuple[Path, int]]) -> None:
        self.dropped = 0
        self._lock = threading.RLock()
        self._rows: dict[tuple[str, ...], Callable[[float, int, tuple[float, ...]], bytes]] = {}
        self._num_schemas = 0
        self._last_step = 0
        self._told_dropped = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _refuse_newer(folder)
            is_spooled = spool.is_wanted(folder)
            self.path, self._fd = take(folder)
            self._spool = Spool(self.path, self._fd, os.fstat(self._fd).st_size) if is_spooled else None
        except OSError as error:
            raise RunError(
                f"cannot start the run's log: {error.strerror}",
                at=str(folder),
                hint="track.folder=/tmp/runs, or another folder that can be written to",
            ) from error
        self._index = OwnIndex(self.path, self._keep)
        if self.path.suffix == frames.LOG:
            announce(self.path)
        _forgotten_by_children().add(self)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Log named numbers at a step. Anything that `float()` takes will do."""
        self.scalars_at(time.time(), step, values)

    def scalars_at(self, moment: float, step: int, values: Mapping[str, float]) -> None:
        """Log named numbers as of a Unix time."""
        try:
            self.row(moment, step, tuple(values), tuple(values.values()))
        except Exception as error:  # whatever a caller's numbers do, training goes on
            self.drop(error)

    def row(self, moment: float, step: int, names: tuple[str, ...], values: tuple[float, ...]) -> None:
        """Log numbers under their names as of a Unix time: the way of every step, of which each microsecond counts."""
        try:
            with self._lock:
                packed = self._rows.get(names)
                if packed is None:
                    self._define(moment, step, names, values)
                elif self._add(step, packed(moment, step, values)) and self.dropped != self._told_dropped:
                    self._told_dropped = self.dropped
                    self.row(moment, step, (DROPPED,), (self.dropped,))
        except Exception as error:  # as above
            self.drop(error)

    def event(self, kind: str, step: int, payload: Mapping[str, Any]) -> None:
        """Log anything that is not a curve, as JSON."""
        self.event_at(time.time(), kind, step, payload)

    def event_at(self, moment: float, kind: str, step: int, payload: Mapping[str, Any]) -> None:
        """Log anything that is not a curve as of a Unix time, as JSON."""
        try:
            self._append(step, frames.frame(frames.EVENT, 0, moment, step, to_json([kind, payload])))
        except Exception as error:  # as above
            self.drop(error)

    def frame(self, type: int, schema: int, step: int, body: bytes) -> bool:
        """Log a frame of any type. False where it could not be written."""
        return self._append(step, frames.frame(type, schema, time.time(), step, body))

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be written any more: after `close`, and in a forked child."""
        return self._fd < 0

    def close(self, outcome: str, reason: str) -> None:
        """Write the end and let go of the lock. A log that was never closed reads as `killed`."""
        with self._lock:
            if self._fd < 0:
                return
            end = to_json({"outcome": outcome, "reason": reason, "dropped": self.dropped})
            self._append(self._last_step, frames.frame(frames.END, 0, time.time(), self._last_step, end))
            self._index.close()
            if self._spool is not None and not self._spool.close():
                told = f"whet: {self.path} is not whole: its disk did not take the rest, which is in {self._spool.path}"
                print(told, file=sys.stderr)
                self._fd = -1  # the thread may still write to it
                return
            with suppress(OSError):
                os.fsync(self._fd)
            liveness.let_go(self._fd)
            self._abandon()

    def leave(self) -> None:
        """Let go of the log without an end: another will go on with it (`reopened`)."""
        with self._lock:
            if self._spool is not None and self._fd >= 0:
                self._spool.close()
            self._abandon()

    def _define(self, moment: float, step: int, names: tuple[str, ...], values: tuple[float, ...]) -> None:
        """Write a schema and its first scalars together; remember the schema only if they arrived."""
        schema = self._num_schemas % frames.MAX_SCHEMAS
        if schema == 0:
            self._rows.clear()
        self._num_schemas += 1
        packed = frames.rows(schema, len(values))
        definition = frames.frame(frames.SCHEMA, schema, moment, step, to_json([str(name) for name in names]))
        if self._add(step, definition + packed(moment, step, values)):
            self._rows[names] = packed

    def _append(self, step: int, data: bytes) -> bool:
        with self._lock:
            return self._add(step, data)

    def _add(self, step: int, data: bytes) -> bool:
        """Write frames; the lock is held."""
        try:
            if self._spool is not None:
                self._into_spool(self._spool, data)
            else:
                _write_all(self._fd, data)
        except OSError as error:
            self.drop(error if self._fd >= 0 else OSError(_CLOSED))
            return False
        self._last_step = step
        self._index.wrote(len(data))
        return True

    def _into_spool(self, waiting: Spool, data: bytes) -> None:
        """Before a slow disk."""
        if self._fd < 0:
            raise OSError(_CLOSED)
        if not waiting.room(len(data)):
            raise OSError(errno.ENOSPC, f"the disk does not answer, and its spool {waiting.path} is full")
        _write_all(waiting.fd, data)
        waiting.wrote(len(data))

    def drop(self, error: Exception) -> None:
        """Count a record that could not be made or written, and say the first on stderr."""
        self.dropped += 1
        if self.dropped == 1:
            with suppress(OSError, ValueError, AttributeError):
                print(f"whet: {self.path.name} drops records: {error}. All else goes on.", file=sys.stderr)

    def _abandon(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def _create(folder: Path, writer: str, suffix: str) -> tuple[Path, int]:
    """A new, locked file under the next free attempt; another process may be looking for it too.

    It is locked before its first byte: readers pass over an empty file, so none sees it unlocked.
    """
    named = (frames.parse_name(path, suffix) for path in folder.iterdir())
    taken = [one.attempt for one in named if one and one.name == writer]
    attempt = max(taken, default=0) + 1
    while True:
        path = folder / frames.log_name(writer, attempt, suffix)
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
            break
        except FileExistsError:
            attempt += 1
    try:
        who = {"pid": os.getpid(), "host": os.uname().nodename, "locked": liveness.hold(fd)}
        _write_all(fd, frames.MAGIC + frames.frame(frames.START, 0, time.time(), 0, to_json(who)))
    except OSError:
        os.close(fd)
        raise
    return path, fd


def _reopen(path: Path, folder: Path) -> tuple[Path, int]:
    """A log that is there, locked, cut behind its last whole frame, with a new start at its end."""
    from whet.track.logs.logfile import LogFile

    writer = frames.parse_name(path)
    if writer is None:
        raise RunError(f"`{path.name}` is no log", at=str(folder), hint="a file such as track/r0.a1.tlog")
    spool.recover(path)
    fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_NONBLOCK)
    try:
        is_held = liveness.try_hold(fd)
        if is_held is False:
            raise Held("another process writes this log", at=str(path), hint="stop that process first")
        found = LogFile(path, writer)
        found.refresh()
        os.ftruncate(fd, found.offset)
        who = {"pid": os.getpid(), "host": os.uname().nodename, "locked": bool(is_held)}
        _write_all(fd, frames.frame(frames.START, 0, time.time(), found.outline.last_step or 0, to_json(who)))
        os.utime(folder)  # by which a catalogue knows that there is something to read
    except BaseException:
        os.close(fd)
        raise
    return path, fd


def _refuse_newer(folder: Path) -> None:
    """Raise RunError where a later version of whet has written: what it means is not known here."""
    for path in sorted(folder.glob("*.tlog")):
        with suppress(OSError), opened(path, "rb") as file:
            if frames.format_of(file.read(len(frames.MAGIC))) > frames.FORMAT:
                raise RunError(
                    f"the run was written by a newer whet ({path.name}), so it is only read here",
                    at=str(folder.parent),
                    hint="pip install --upgrade whet, or another name for the run",
                )


def _write_all(fd: int, data: bytes) -> None:
    """One write. What a full disk cut off is taken back, or all later frames would be unreadable."""
    written = os.write(fd, data)
    if written < len(data):
        os.ftruncate(fd, os.fstat(fd).st_size - written)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@cache
def _forgotten_by_children() -> weakref.WeakSet[EventLog]:
    """All logs of this process. Told to the system once: what is registered there stays for ever, and a server opens a
    log an edit."""
    logs: weakref.WeakSet[EventLog] = weakref.WeakSet()
    os.register_at_fork(after_in_child=partial(_forget, logs))
    return logs


def _forget(logs: weakref.WeakSet[EventLog]) -> None:
    """In a forked child: drop the inherited files, or a data worker would keep a dead run's lock."""
    for log in list(logs):
        log._lock = threading.RLock()  # another thread of the parent may have held the old one for ever
        if log._spool is not None and log._fd >= 0:
            log._spool.forget()
        log._abandon()
    logs.clear()
