"""LogFile: one log, parsed frame by frame as it grows, its scalars gathered into arrays."""

# n frames of one schema   L bytes of such a frame   k names

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whet.base.regular import opened
from whet.track import frames, liveness

if TYPE_CHECKING:
    import numpy as np

# Where the file system has no locks, a run that has not logged for so long counts as killed.
STALE_S = 600.0

_Names = tuple[str, ...]
# offsets (n,), times (n,), steps (n,), values (n, k)
_Block = tuple["np.ndarray", "np.ndarray", "np.ndarray", "np.ndarray"]


class LogFile:
    """What one writer has logged so far. A torn tail is left for the next `refresh`."""

    def __init__(self, path: Path, writer: frames.Writer) -> None:
        self.path = path
        self.rank = writer.rank
        self.writer, self.attempt = writer
        self.offset = 0
        self.start: dict[str, Any] = {}
        self.end: dict[str, Any] | None = None
        self.is_alive = False
        self.damaged = 0
        self.events: list[tuple[int, float, int, Any]] = []
        self.first_time = self.last_time = 0.0
        self.first_step: int | None = None
        self.last_step: int | None = None
        self._schemas: dict[int, _Names] = {}
        self._blocks: dict[_Names, list[_Block]] = {}

    def refresh(self) -> None:
        """Read what was appended. The lock is asked first: a writer that ends in between is not `killed`."""
        if self.end is not None:
            return
        is_held = liveness.is_held(self.path)
        try:
            with opened(self.path, "rb") as file:
                file.seek(self.offset)
                data = file.read()
        except OSError:  # gone, forbidden, on a disk that fails
            self.damaged = max(self.damaged, 1)
            return
        self._parse(data)
        self.is_alive = is_held or (not self.start.get("locked", True) and self._age_s() < STALE_S)

    def names(self) -> list[str]:
        """Names of its curves, in the order they first appeared."""
        return list(dict.fromkeys(name for names in self._blocks for name in names))

    def column(self, name: str, start: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Steps, values and times of a curve from byte `start` of the file on, in the order written."""
        import numpy as np

        parts = []
        for names in self._blocks:
            if name in names:
                offsets, times, steps, values = self._block(names)
                first = np.searchsorted(offsets, start)
                parts.append((offsets[first:], steps[first:], values[first:, names.index(name)], times[first:]))
        if len(parts) == 1:
            return parts[0][1:]
        if not parts:
            return np.empty(0, np.int64), np.empty(0), np.empty(0)
        offsets, steps, values, times = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        order = np.argsort(offsets)
        return steps[order], values[order], times[order]

    def _block(self, names: _Names) -> _Block:
        """All rows of one schema; what came in pieces is joined and kept so."""
        import numpy as np

        blocks = self._blocks[names]
        if len(blocks) > 1:
            offsets, times, steps, values = (np.concatenate(arrays) for arrays in zip(*blocks, strict=True))
            blocks[:] = [(offsets, times, steps, values)]
        return blocks[0]

    def _parse(self, data: bytes) -> None:
        """Take all whole frames of `data`, which lies at `self.offset` in the file."""
        position = 0
        if self.offset == 0:
            if not data.startswith(frames.MAGIC):
                return
            position = len(frames.MAGIC)
        view, size = memoryview(data), len(data)
        head, crc32, head_size = frames.HEAD.unpack_from, zlib.crc32, frames.HEAD.size
        rows: dict[_Names, list[int]] = {}
        # Schema id -> length of its frames and where to note their bodies; looked up for every step.
        targets: dict[int, tuple[int, Callable[[int], None]]] = {}
        unknown = (-1, lambda body: None)
        while position + head_size <= size:
            length, check, type, schema = head(data, position)
            body = position + head_size
            end = body + length
            if end > size or length < frames.STAMP.size:
                break
            if crc32(view[position + 8 : end]) != check:
                if end == size:
                    break
                self.damaged += 1
            elif type == frames.SCALARS:
                if schema not in targets and schema in self._schemas:
                    names = self._schemas[schema]
                    targets[schema] = frames.STAMP.size + 8 * len(names), rows.setdefault(names, []).append
                expected, note = targets.get(schema, unknown)
                if length == expected:
                    note(body)
                else:
                    self.damaged += 1
            else:
                self._take(type, schema, body + self.offset, data[body:end])
                if type == frames.SCHEMA:
                    targets.pop(schema, None)
            position = end
        for names, bodies in rows.items():
            self._gather(names, data, bodies)
        self.offset += position

    def _take(self, type: int, schema: int, offset: int, payload: bytes) -> None:
        """One frame that is not scalars. Types of later versions are passed over."""
        moment, step = frames.STAMP.unpack_from(payload)
        self.last_time = max(self.last_time, moment)
        if type not in (frames.START, frames.SCHEMA, frames.EVENT, frames.END):
            return
        value: Any = None
        form: Any = list if type in (frames.SCHEMA, frames.EVENT) else dict
        with suppress(ValueError, RecursionError):
            value = json.loads(payload[frames.STAMP.size :])
        if not isinstance(value, form) or (type == frames.EVENT and not _is_event(value)):
            self.damaged += 1
        elif type == frames.START:
            self.start, self.first_time = value, moment
        elif type == frames.SCHEMA:
            self._schemas[schema] = tuple(map(str, value))
        elif type == frames.EVENT:
            self.events.append((offset, moment, step, value))
        else:
            self.end = value

    def _gather(self, names: _Names, data: bytes, bodies: list[int]) -> None:
        """Copy the payloads that start at `bodies` into arrays."""
        import numpy as np

        size = frames.STAMP.size + 8 * len(names)
        every = np.lib.stride_tricks.sliding_window_view(np.frombuffer(data, np.uint8), size)
        layout = np.dtype([("time", "<f8"), ("step", "<i8"), ("values", "<f8", (len(names),))])
        starts = np.array(bodies, np.int64)
        rows = every[starts].view(layout)[:, 0]
        times, steps, values = (rows[field].copy() for field in ("time", "step", "values"))
        self._blocks.setdefault(names, []).append((starts + self.offset, times, steps, values))
        first, last = int(steps.min()), int(steps.max())
        self.first_step = first if self.first_step is None else min(first, self.first_step)
        self.last_step = last if self.last_step is None else max(last, self.last_step)
        self.last_time = max(self.last_time, float(times[-1]))

    def _age_s(self) -> float:
        return time.time() - self.path.stat().st_mtime


def _is_event(value: list[Any]) -> bool:
    return len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], dict)
