"""Writing an imported run: one log with the times of its source, whole or not at all."""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from whet.track.imports.foreign import End, Foreign, Numbers, Record, Said, Thing
from whet.track.logs import frames, index
from whet.track.logs.claim import claimed
from whet.track.reading.store import LOGS
from whet.track.script.media.base import MediaFolder
from whet.track.script.plain import to_json

MARK = "imported"
# What values of other kinds than a source should have come to.
_BROKEN = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError, struct.error)
_LOG = frames.log_name(frames.RANK_0, 1)


def write(run: Foreign, root: Path, folder: Path | None) -> Path:
    """Put a run into a new folder under `root`, or in the place of what was imported into `folder` before.

    Raises OSError and RunError.
    """
    is_new = folder is None
    folder = claimed(root, run.name) if folder is None else folder
    part = folder / f"{LOGS}.{os.getpid()}.part"
    try:
        part.mkdir()
        with (part / _LOG).open("wb") as file:
            _fill(_Log(file), run, MediaFolder(folder))
        if is_new:
            os.replace(part, folder / LOGS)
        else:
            (folder / LOGS / _LOG).with_suffix(index.SUFFIX).unlink(missing_ok=True)
            os.replace(part / _LOG, folder / LOGS / _LOG)
            os.utime(folder / LOGS)
    except BaseException:
        if is_new:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder


def _fill(log: _Log, run: Foreign, media: MediaFolder) -> None:
    log.start(run.started, {"pid": 0, "host": "", "locked": True, MARK: run.content})
    mark = {"tracker": run.tracker, "key": run.key, "content": run.content}
    log.event(run.started, 0, "run", {"name": run.name, **run.about, MARK: mark})
    end: End | None = None
    for record in _readable(run):
        if isinstance(record, End):
            end = record
            continue
        try:
            _keep(log, record, media, run.notes)
        except _BROKEN as error:
            run.notes.append(f"a record of step {record.step} cannot be kept: {type(error).__name__}")
    for note in run.notes:
        log.event(run.started, 0, "notice", {"level": "warning", "text": f"import: {note}"})
    if end is not None:
        log.end(end)


def _readable(run: Foreign) -> Iterator[Record]:
    """Its records as far as a reader gets: where it breaks off is noted, and other runs are imported all the same."""
    try:
        yield from run.records
    except (*_BROKEN, OSError) as error:
        run.notes.append(f"it breaks off: {type(error).__name__}: {error}"[:200])


def _keep(log: _Log, record: Numbers | Said | Thing, media: MediaFolder, notes: list[str]) -> None:
    match record:
        case Numbers():
            log.scalars(record.time, record.step, record.values)
        case Said():
            log.event(record.time, record.step, record.kind, record.payload)
        case Thing():
            _put(log, record, media, notes)


def _put(log: _Log, thing: Thing, media: MediaFolder, notes: list[str]) -> None:
    entry: dict[str, Any] = {"type": thing.kind, **thing.about}
    if isinstance(thing.source, bytes):
        entry.update(media.put(thing.source, thing.suffix))
    elif thing.source is not None:
        try:
            entry.update(media.copy(thing.source))
        except OSError as error:
            notes.append(f"{thing.source.name} cannot be read: {error.strerror}")
            return
    log.event(thing.time, thing.step, "media", {"name": thing.name, "entries": [entry]})


class _Log:
    """The frames of a log, written through a buffer: nobody reads it before it is whole."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._rows: dict[tuple[str, ...], Callable[[float, int, tuple[float, ...]], bytes]] = {}
        self._num_schemas = 0
        self._last_step = 0
        file.write(frames.MAGIC)

    def start(self, moment: float, who: Mapping[str, Any]) -> None:
        self._file.write(frames.frame(frames.START, 0, moment, 0, to_json(who)))

    def scalars(self, moment: float, step: int, values: Mapping[str, float]) -> None:
        names, step = tuple(values), _bounded(step)
        if not names:
            return
        if names not in self._rows:
            number = self._num_schemas % frames.MAX_SCHEMAS
            if number == 0:
                self._rows.clear()
            self._num_schemas += 1
            self._rows[names] = frames.rows(number, len(names))
            self._file.write(frames.frame(frames.SCHEMA, number, moment, step, to_json(list(names))))
        self._file.write(self._rows[names](moment, step, tuple(values.values())))
        self._last_step = step

    def event(self, moment: float, step: int, kind: str, payload: Mapping[str, Any]) -> None:
        self._file.write(frames.frame(frames.EVENT, 0, moment, _bounded(step), to_json([kind, payload])))

    def end(self, end: End) -> None:
        stated = to_json({"outcome": end.outcome, "reason": end.reason, "dropped": 0})
        self._file.write(frames.frame(frames.END, 0, end.time, self._last_step, stated))


def _bounded(step: int) -> int:
    """A step in the 64 bits that a frame has for it."""
    return max(-(1 << 63), min(step, (1 << 63) - 1))


def imported(said: Mapping[str, Mapping[str, Any]]) -> dict[tuple[str, str], tuple[str, str]]:
    """Of the runs of a root what was imported: tracker and key -> name of the run, and its content."""
    found = {}
    for name, about in said.items():
        mark = about["about"].get(MARK)
        with suppress(KeyError, TypeError, AttributeError):
            found[(str(mark["tracker"]), str(mark["key"]))] = name, str(mark["content"])
    return found
