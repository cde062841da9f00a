"""The follower `tensorboard`: event files, written without TensorBoard. It needs no package and no server."""

from __future__ import annotations

import io
import json
import struct
import wave
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from whet.base.catalogue import follower
from whet.base.settings import Output
from whet.track.follow import event_files
from whet.track.follow.converted import media_file
from whet.track.follow.event_files import EventFile
from whet.track.follow.plugin import Ending, FollowedRun, Follower, Logged
from whet.track.logs.frames import RANK_0
from whet.track.reading.read import Event


@follower("tensorboard")
def tensorboard(*, folder: Output = "tensorboard") -> Follower:
    """Event files for TensorBoard: curves, pictures, sound, text, histograms.

    folder: where they go, from the run folder
    """
    return TensorBoardFollower(folder)


class TensorBoardFollower(Follower):
    """One event file a run. Its size is part of the state, so that nothing stands there twice after a kill."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def start(self, run: FollowedRun, state: Mapping[str, Any]) -> None:
        self._run = run
        name = str(state.get("file") or f"events.out.tfevents.{int(run.started)}.{run.id}")
        size = state.get("size")
        self._file = EventFile(run.folder / self._folder / name, 0.0, None if size is None else int(size))
        self._last = {str(writer): int(step) for writer, step in (state.get("last") or {}).items()}
        self._attempt = int(state.get("attempt") or 0)
        if not state:
            self._file.write(0.0, 0, event_files.text("config", _as_markdown(run.config)))

    def log(self, rows: Sequence[Logged]) -> None:
        for row in rows:
            if row.writer == RANK_0 and row.attempt > self._attempt:
                self._attempt = row.attempt
                if row.step <= self._last.get(row.writer, -1):
                    self._file.write(row.time, row.step, event_files.session_start())
            self._last[row.writer] = row.step
            self._file.write(row.time, row.step, event_files.scalars(row.named()))
        self._file.flush()

    def media(self, event: Event) -> None:
        name, entries = str(event.payload.get("name")), event.payload.get("entries") or []
        for number, entry in enumerate(entries):
            tag = name if len(entries) == 1 else f"{name}/{number}"
            with suppress(
                OSError, LookupError, ValueError, TypeError
            ):  # its file is gone by now, or it is no such thing
                if (what := _encoded(self._run.folder, tag, entry)) is not None:
                    self._file.write(event.time, event.step, what)
        self._file.flush()

    def event(self, event: Event) -> None:
        said = {name: value for name, value in event.payload.items() if name != "final"}
        if event.kind in ("notice", "alert", "generation"):
            self._file.write(event.time, event.step, event_files.text(event.kind, _as_markdown(said)))
            self._file.flush()

    def finish(self, ending: Ending) -> None:
        self._file.close()

    @property
    def place(self) -> str:
        return str(self._file.path.parent)

    def state(self) -> dict[str, Any]:
        return {"file": self._file.path.name, "size": self._file.size, "last": self._last, "attempt": self._attempt}


def _encoded(run: Path, tag: str, entry: Mapping[str, Any]) -> bytes | None:
    """A medium as TensorBoard shows it; None of one that it does not."""
    kind = entry.get("type")
    if kind == "text":
        return event_files.text(tag, str(entry.get("text")))
    if kind == "histogram":
        return event_files.histogram(tag, entry["counts"], entry["edges"])
    if kind == "table":
        return event_files.text(tag, _table(media_file(run, entry).read_text(encoding="utf-8")))
    if kind == "image" and (size := _size(data := media_file(run, entry).read_bytes())):
        return event_files.image(tag, data, *size)
    if kind == "audio" and str(entry.get("path", "")).endswith(".wav"):
        data = media_file(run, entry).read_bytes()
        with suppress(wave.Error, EOFError), wave.open(io.BytesIO(data)) as sound:
            return event_files.audio(tag, data, sound.getframerate(), sound.getnchannels(), sound.getnframes())
    return None


def _size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG."""
    return struct.unpack(">II", data[16:24]) if data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) >= 24 else None


def _table(stored: str) -> str:
    found = json.loads(stored)
    rows = [found["columns"], ["---"] * len(found["columns"]), *found["data"]]
    return "\n".join("|" + "|".join(_cell(cell) for cell in row) + "|" for row in rows)


def _cell(value: Any) -> str:
    words = value.get("text", value.get("path", "")) if isinstance(value, Mapping) else value
    return str(words).replace("|", "\\|").replace("\n", " ")


def _as_markdown(values: Mapping[str, Any]) -> str:
    return "```\n" + json.dumps(values, indent=1, ensure_ascii=False, default=str) + "\n```"
