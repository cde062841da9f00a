"""Whereabouts: where in the code a thread is, whether it waits for other ranks there, and since when it has not moved.

Read from its stack by another thread, so that what is watched pays nothing.
"""

from __future__ import annotations

import itertools
import os
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

_OURS = str(Path(__file__).resolve().parents[3]) + os.sep
_OWN = str(Path(__file__).resolve().parents[2]) + os.sep
_COLLECTIVES = f"{os.sep}torch{os.sep}distributed{os.sep}"
# What stands between a collective and whoever calls it, and tells nothing of either.
_FILES = (f"torch{os.sep}_ops.py", f"torch{os.sep}_compile.py", "contextlib.py", "functools.py", "threading.py")
_FOLDERS = tuple(f"{os.sep}torch{os.sep}{name}{os.sep}" for name in ("utils", "_dynamo"))
_PUBLIC = ("distributed_c10d.py", "_functional_collectives.py")
_WRAPPERS = ("wrapper", "wrapped", "inner", "_fn", "__call__", "decorate_context")
_DEPTH = 8  # frames that are compared
# Share of a processor, over a second or more, from which a process that does not move computes, or is sent bytes.
_COMPUTING, _OVER_S = 0.02, 1.0
_PAUSED_S = 2.0  # between two looks: the whole process was stopped meanwhile, and nothing is known of that time


@dataclass(frozen=True, slots=True)
class Place:
    """A place in words, such as `all_reduce at whet/parallel/world.py:139 (summed)`."""

    words: str
    is_waiting: bool


class Whereabouts:
    """What repeated looks at a thread of this process give. `still_s` are seconds in which it neither moved nor did the
    process use its processors: a rank that is sent bytes, or computes in one long call, is not still."""

    def __init__(self, thread: threading.Thread) -> None:
        self._ident = thread.ident or 0
        self._signature: object = None
        self._since = self._looked = time.monotonic()
        self._used = self._processor_s()
        self.still_s, self.looks, self.waiting = 0.0, 0, 0

    def look(self, doing: object) -> Place:
        """Look once. `doing` is what the thread says of itself: another answer is a move."""
        frame, now, used = sys._current_frames().get(self._ident), time.monotonic(), self._processor_s()
        place = place_of(frame)
        signature = (doing, tuple(_marks(frame)))
        seconds = now - self._since
        has_moved = signature != self._signature or now - self._looked > _PAUSED_S
        if has_moved or (seconds >= _OVER_S and used - self._used > _COMPUTING * seconds):
            self._signature, self._since, self._used = signature, now, used
        self.still_s, self._looked = now - self._since, now
        self.looks += 1
        self.waiting += place.is_waiting
        return place

    def _processor_s(self) -> float:
        """Of the process, without the thread that looks."""
        return time.process_time() - time.thread_time()


def place_of(frame: FrameType | None) -> Place:
    """Where a stack stands: the collective that it waits in, if it does, and the innermost line of whet's own."""
    if frame is None:
        return Place("its end", False)
    frames = list(_outwards(frame))
    telling = [one for one in frames if not _is_between(one)]
    first = telling[0] if telling else frames[0]
    is_waiting = _COLLECTIVES in first.f_code.co_filename
    own = next((one for one in frames if one.f_code.co_filename.startswith(_OWN)), None)
    if is_waiting:
        caller = own or next((one for one in telling if _COLLECTIVES not in one.f_code.co_filename), first)
        return Place(f"{_collective(telling)} at {_line(caller)}", True)
    inner = "" if own is None or first is own else f"{first.f_code.co_name}, called at "
    return Place(f"{inner}{_line(own or first)}", False)


def _collective(telling: list[FrameType]) -> str:
    """What a stack whose innermost frames are torch.distributed's has called: the name that its users know."""
    inside = list(itertools.takewhile(lambda one: _COLLECTIVES in one.f_code.co_filename, telling))
    public = [one for one in inside if one.f_code.co_filename.endswith(_PUBLIC) and one.f_code.co_name not in _WRAPPERS]
    return (public[-1] if public else inside[0]).f_code.co_name.lstrip("_")


def _is_between(frame: FrameType) -> bool:
    name = frame.f_code.co_filename
    return name.endswith(_FILES) or any(part in name for part in _FOLDERS)


def _line(frame: FrameType) -> str:
    name = frame.f_code.co_filename
    short = name.removeprefix(_OURS) if name.startswith(_OURS) else os.sep.join(name.split(os.sep)[-2:])
    return f"{short}:{frame.f_lineno} ({frame.f_code.co_name})"


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _marks(frame: FrameType | None) -> Iterator[tuple[int, int]]:
    for _, one in zip(range(_DEPTH), _outwards(frame), strict=False):
        yield id(one), one.f_lasti
