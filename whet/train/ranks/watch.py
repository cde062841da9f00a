"""Watch: a rank that waits looks for whom, tells it, and ends a run that will not go on by itself."""

from __future__ import annotations

import faulthandler
import os
import sys
import time
from collections import deque
from contextlib import suppress
from pathlib import Path

from whet.train.ranks.notes import FOLDER, has_word, is_launched, leave_word, stacks_of
from whet.train.ranks.pulse import Pulse, read
from whet.train.ranks.verdict import NAMED_AFTER_S, Verdict, slowest, verdict

# How often the first rank looks for a slow one, and how often it names one.
_SLOW_EVERY_S, _SLOW_AGAIN_S = 30.0, 600.0
# How long the others stay for the one that speaks: whoever leaves breaks the collective in which it waits.
_STAY_S = 5.0


class Signs:
    """The pulses of all ranks of an attempt, and since when each has told nothing new, by this process's clock."""

    def __init__(self, run: Path, attempt: str, ranks: int) -> None:
        self._run, self._attempt, self._ranks = run, attempt, ranks
        self._beats: dict[int, int] = {}
        self._since: dict[int, float] = {}
        self._looked = time.monotonic()

    def look(self) -> tuple[dict[int, Pulse], dict[int, float]]:
        """What every rank told last, and for how many seconds there has been nothing newer."""
        now = time.monotonic()
        if now - self._looked > 2 * NAMED_AFTER_S:  # nobody looked meanwhile: nothing is known of that time
            self._since.clear()
        self._looked, found = now, {}
        for rank in range(self._ranks):
            pulse = read(self._run, rank, self._attempt)
            if pulse is not None:
                found[rank] = pulse
            if rank not in self._since or (pulse is not None and pulse.beats != self._beats.get(rank)):
                self._since[rank] = now
                self._beats[rank] = pulse.beats if pulse is not None else -1
        return found, {rank: now - since for rank, since in self._since.items()}


class Watch:
    """What the thread of a rank's pulse does besides: nothing, while its rank moves.

    `notices` are for the loop to tell. A run that hangs is ended here, by every rank that waits in it: a message on
    stderr, the stacks of this process in the run's folder, and exit code 1.
    """

    def __init__(self, run: Path, rank: int, attempt: str, ranks: int, hang_s: float, *, is_gpu: bool) -> None:
        self._run, self._rank, self._ranks = run, rank, ranks
        self._hang_s, self._is_gpu = hang_s, is_gpu
        self._signs = Signs(run, attempt, ranks)
        self._named: str | None = None  # what was said of those that are waited for
        self._before: dict[int, Pulse] = {}
        self._slow_at, self._slow_named = time.monotonic(), float("-inf")
        self.notices: deque[str] = deque()

    def told(self, own: Pulse) -> None:
        """This rank has told where it is."""
        if own.still_s >= min(NAMED_AFTER_S, self._hang_s / 2):
            found = verdict(*self._signs.look(), self._hang_s, is_gpu=self._is_gpu)
            if found is not None and found.is_final:
                self._end(own, found)
            elif found is not None and self._is_speaker(own) and found.words != self._named:
                print(f"warning: {found.words}", file=sys.stderr, flush=True)
                self._named = found.words
        else:
            self._named = None
        if self._rank == 0 and time.monotonic() - self._slow_at >= _SLOW_EVERY_S:
            self._look_for_slow()

    def heard(self) -> list[str]:
        """What is to be said since this was last asked."""
        found = []
        while self.notices:
            found.append(self.notices.popleft())
        return found

    def _look_for_slow(self) -> None:
        self._slow_at, (now, _) = time.monotonic(), self._signs.look()
        can_name = time.monotonic() - self._slow_named >= _SLOW_AGAIN_S
        if can_name and len(now) == len(self._before) == self._ranks and (slow := slowest(self._before, now)):
            self._slow_named = time.monotonic()
            self.notices.append(slow)
        self._before = now

    def _is_speaker(self, own: Pulse) -> bool:
        """The first of the ranks that wait speaks for them."""
        pulses, _ = self._signs.look()
        return own.rank == min((pulse.rank for pulse in pulses.values() if pulse.is_waiting), default=own.rank)

    def _end(self, own: Pulse, found: Verdict) -> None:
        with suppress(OSError), open(self._run / FOLDER / f"stacks-{self._rank:05d}.txt", "w") as file:
            faulthandler.dump_traceback(file)
        if self._is_speaker(own) or not self._is_said():
            leave_word(self._run, f"the run hung: {found.words}")
            if not is_launched():  # a launcher of ours says it
                print(
                    f"error: the run hangs: {found.words}\n  at {self._run}\n"
                    f"hint: whet train {self._run}, which goes on from its last checkpoint{stacks_of(self._run)}",
                    file=sys.stderr,
                    flush=True,
                )
        os._exit(1)

    def _is_said(self) -> bool:
        """Whether another rank has told why the run ends; waits for it."""
        end = time.monotonic() + _STAY_S
        while not has_word(self._run):
            if time.monotonic() > end:
                return False
            time.sleep(0.01)
        return True
