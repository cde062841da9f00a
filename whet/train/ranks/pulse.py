"""Pulse: each rank tells in a file of its own where it is, from a thread that goes on while the rank waits.

The files lie in the run's folder, which all hosts of a run share, and need no collective: they can be read when nothing
else gets through. No clocks are compared: a reader asks only whether what it sees has changed.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from whet.train.ranks.notes import FOLDER
from whet.train.ranks.whereabouts import Place, Whereabouts

ENDED = "end"  # the phase of a rank that tells no more, because all is over
LOOK_S, TELL_S = 0.1, 0.5


@dataclass(frozen=True, slots=True)
class Pulse:
    """What a rank told last. `beats` only grows; the main thread has been `still_s` at one place without computing.
    `looks` at it so far found it `waiting` for other ranks so often."""

    attempt: str
    rank: int
    pid: int
    host: str
    beats: int
    step: int
    phase: str
    place: str
    is_waiting: bool
    still_s: float
    looks: int
    waiting: int

    @property
    def at(self) -> str:
        """Where it is, in words."""
        if self.phase == ENDED:
            return f"has ended (after step {self.step})"
        doing = f"waits in {self.place}" if self.is_waiting else f"is at {self.place}"
        return f"{doing} ({self.phase} of step {self.step + 1})"


def path_of(run: Path, rank: int) -> Path:
    return run / FOLDER / f"rank-{rank:05d}.json"


def read(run: Path, rank: int, attempt: str) -> Pulse | None:
    """What a rank of this attempt told last; None where it has not told anything, or is just writing."""
    try:
        stored = json.loads(path_of(run, rank).read_bytes())
        found = Pulse(**stored)
    except (OSError, ValueError, TypeError):
        return None
    return found if found.attempt == attempt else None


class Beating:
    """Tells until `close` where the thread that made it is. `doing` gives the step (done so far) and the phase.

    `told` is called after each time that it told, in the same thread; it must not raise.
    """

    def __init__(
        self,
        run: Path,
        rank: int,
        attempt: str,
        ranks: int,
        doing: Callable[[], tuple[int, str]],
        told: Callable[[Pulse], None] = lambda pulse: None,
    ) -> None:
        self._run, self._rank, self._attempt, self._ranks = run, rank, attempt, ranks
        self._path, self._doing, self._told = path_of(run, rank), doing, told
        self._whereabouts = Whereabouts(threading.current_thread())
        self._ended = threading.Event()
        self._beats = 0
        self._path.parent.mkdir(exist_ok=True)
        self._thread = threading.Thread(target=self._beat, name="whet-pulse", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Tell no more but that this rank has come to its end. The last one takes away what all have told."""
        self._ended.set()
        self._thread.join()
        self._tell(self._doing()[0], ENDED, Place("its end", False))
        others = [read(self._run, rank, self._attempt) for rank in range(self._ranks)]
        if all(other is not None and other.phase == ENDED for other in others):
            for rank in range(self._ranks):
                with suppress(OSError):
                    path_of(self._run, rank).unlink(missing_ok=True)
            with suppress(OSError):  # something else lies there, for a reader
                self._path.parent.rmdir()

    def _beat(self) -> None:
        last = float("-inf")
        while not self._ended.wait(LOOK_S):
            step, phase = self._doing()
            place = self._whereabouts.look((step, phase))
            if time.monotonic() - last >= TELL_S:
                last = time.monotonic()
                self._told(self._tell(step, phase, place))

    def _tell(self, step: int, phase: str, place: Place) -> Pulse:
        self._beats += 1
        seen = self._whereabouts
        pulse = Pulse(
            self._attempt, self._rank, os.getpid(), os.uname().nodename, self._beats, step, phase, place.words,
            place.is_waiting, seen.still_s, seen.looks, seen.waiting,
        )  # fmt: skip
        with suppress(OSError):  # a full disk is told by whatever needs it
            part = self._path.with_suffix(".part")
            part.write_text(json.dumps(asdict(pulse)))
            os.replace(part, self._path)
        return pulse
