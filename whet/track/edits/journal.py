"""The journal of edits of a run: a log of its own beside the run's, appended to by whoever edits, one at a time.

It is `edits-<number>.a1.tlog` with the frames of every log, so a torn tail is left out, it goes along when the run is
copied or pushed, and nothing that a run wrote is touched. The number is the machine's and the folder's: copies that are
edited apart have journals apart, and are read in the order of time wherever they meet.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from pathlib import Path

from whet.base.errors import RunError
from whet.track.edits.edit import KIND, WRITER, Edit
from whet.track.logs import frames
from whet.track.logs.event_log import EventLog, Held
from whet.track.reading.store import LOGS

# So long an edit waits for another of the same run.
PATIENCE_S = 10.0


def edit(folder: Path, one: Edit) -> None:
    """Add an edit to a run; it is on the disk when this returns, and nothing is where it changes nothing.

    Raises RunError for what cannot be said, and where the folder cannot be written.
    """
    edit_all([folder], one)


def edit_all(folders: Sequence[Path], one: Edit) -> None:
    """The same edit of several runs, checked before the first is written."""
    one.check()
    if one.is_empty:
        return
    for folder in folders:
        if not os.access(folder, os.W_OK):
            raise RunError("the run cannot be written to", at=str(folder), hint=f"chmod u+w {folder}")
    for folder in folders:
        _append(folder, one)


def _append(folder: Path, one: Edit) -> None:
    log = _opened(folder / LOGS, _writer(folder))
    log.event(KIND, 0, one.payload())
    dropped = log.dropped
    log.close("done", "")
    if dropped:
        raise RunError("the disk does not take the edit", at=str(folder), hint="make room on it, and edit again")
    os.utime(folder / LOGS)  # by which a catalogue knows that there is something to read


def _opened(logs: Path, writer: str) -> EventLog:
    """The journal, held until it is closed. Whoever holds it is waited for; what cannot be written is said at once."""
    path, until = logs / frames.log_name(writer, 1), time.monotonic() + PATIENCE_S
    while True:
        try:
            return EventLog.reopened(path) if path.is_file() else EventLog(logs, writer)
        except Held:  # which it has waited for a while itself
            if time.monotonic() > until:
                raise


def _writer(folder: Path) -> str:
    place = f"{os.uname().nodename}\0{os.path.realpath(folder)}"
    return f"{WRITER}-{hashlib.blake2b(os.fsencode(place), digest_size=4).hexdigest()}"
