"""Launcher: starts the ranks of a run on this machine, ends the others when one is gone, and begins anew.

Imports no torch: it waits beside ranks that need the memory.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from whet.track.logs import announced, ending
from whet.train.ranks.notes import ATTEMPT, FOLDER_NOTE, REFUSAL, folder_of, refusal, stacks_of, take_word
from whet.train.ranks.watch import Signs
from whet.train.run.capacity import noted

POLL_S = 0.05
SILENT_S = 60.0  # after which ranks of which none gives a sign are missed
# Ranks that end by themselves most often all do, and have something to say; one that was killed leaves them waiting.
_GRACE_S, _GRACE_OF_A_STOP_S = 5.0, 60.0
_STOPPED, _INTERRUPTED = 3, 130
_OF_RUNS = (0, 1, _STOPPED)  # which a run that has told how it went ends with


class Process(Protocol):
    """What the launcher needs of a rank: `subprocess.Popen` has it."""

    pid: int

    def poll(self) -> int | None: ...

    def send_signal(self, number: int, /) -> None: ...


# The rank's number and its environment, beside that of the launcher.
Start = Callable[[int, Mapping[str, str]], Process]


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt's end: the exit code of each rank (negative: a signal), the rank that ended it, and why in words."""

    codes: Sequence[int]
    first: int
    cause: str | None
    was_asked: bool = False
    is_told: bool = False  # by the rank itself

    @property
    def code(self) -> int:
        """What the launcher would end with."""
        told = self.codes[self.first]
        return told if told >= 0 else _INTERRUPTED if self.was_asked else 1

    @property
    def may_go_on(self) -> bool:
        """Whether another attempt may do better: a rank was killed, hung, or failed where it should not."""
        return self.cause is not None


class Launcher:
    """Runs `ranks` processes. `start(rank, environment)` starts one for a new run; `go_on(folder)` gives the `start` of
    one that goes on. `restarts` are attempts that may follow one another without a new checkpoint between them."""

    def __init__(self, ranks: int, restarts: int, start: Start, go_on: Callable[[Path], Start]) -> None:
        self._ranks, self._restarts, self._start, self._go_on = ranks, restarts, start, go_on
        self._asked = 0
        self._running: list[Process] = []
        self._folder: Path | None = None

    def run(self) -> int:
        """Attempts until one ends that none shall follow; its exit code."""
        left, newest, start, told = self._restarts, -1, self._start, ""
        with self._signals(), tempfile.TemporaryDirectory(prefix="whet-ranks-") as notes:
            while True:
                ended, folder = self._attempt(start, Path(notes), told), self._folder
                if not ended.may_go_on or self._asked:
                    if ended.code == _INTERRUPTED:
                        self._say_interrupted()
                    return ended.code
                step, has_fewer = newest_checkpoint(folder), folder is not None and _takes_fewer(folder, ended)
                left, newest = (self._restarts if step > newest else left), max(step, newest)
                if left == 0 and not has_fewer:
                    self._give_up(folder, "" if ended.is_told else f"error: {ended.cause}\n")
                    return ended.code
                print(f"warning: {ended.cause}", file=sys.stderr, flush=True)
                left -= not has_fewer
                told = f"{ended.cause}; begun anew from {f'step {step}' if step >= 0 else 'the beginning'}"
                start = self._go_on(folder) if folder is not None else self._start

    def _give_up(self, folder: Path | None, said: str) -> None:
        place = f"  at {folder}\n" if folder and said else ""
        more = "" if self._restarts else "; train.restarts=3 lets whet do it by itself"
        hint = f"{self._goes_on(folder)}{more}{stacks_of(folder)}" if folder else more[2:]
        print(f"{said}{place}hint: {hint or 'train.restarts=3, if it was chance'}", file=sys.stderr, flush=True)

    def _say_interrupted(self) -> None:
        hint = f"\nhint: {self._goes_on(self._folder)}" if self._folder else ""
        print(f"interrupted{hint}", file=sys.stderr, flush=True)

    def _goes_on(self, folder: Path) -> str:
        ranks = f" --ranks {self._ranks}" if self._ranks > 1 else ""
        since = "goes on from the last checkpoint" if newest_checkpoint(folder) >= 0 else "begins it anew"
        return f"whet train {folder}{ranks} {since}"

    def _attempt(self, start: Start, notes: Path, told: str) -> Ended:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        note, logs, kills = notes / "folder", notes / "logs", ending.oom_kills() or 0
        refusals = [notes / f"refusal-{rank}" for rank in range(self._ranks)]
        for path in (note, logs, *refusals):
            path.unlink(missing_ok=True)
        shared = {
            "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(self._ranks),
            "LOCAL_WORLD_SIZE": str(self._ranks), FOLDER_NOTE: str(note), ATTEMPT: told, announced.VARIABLE: str(logs),
        }  # fmt: skip
        self._running = []
        for rank in range(self._ranks):
            own = {"RANK": str(rank), "LOCAL_RANK": str(rank), REFUSAL: str(refusals[rank])}
            self._running.append(start(rank, {**shared, **own}))
        if self._asked:  # while they were started
            self._hand_on(signal.SIGTERM)
        first, silence = self._wait(note)
        code = self._running[first].poll()
        grace_s = {_STOPPED: _GRACE_OF_A_STOP_S}.get(code or 0, _GRACE_S)
        codes, killed = self._end_all(0.0 if code is None or code < 0 else grace_s)
        # A rank that was killed may be seen later than one that could not reach it.
        first = next((rank for rank, one in enumerate(codes) if one < 0 and rank not in killed), first)
        self._folder = folder_of(note) or self._folder
        words = silence or (take_word(self._folder) if self._folder is not None else None)
        if codes[first] < 0 and first not in killed:
            words = self._killed(first, codes[first], (ending.oom_kills() or 0) - kills)
        silent = None if words or self._asked else _silent(codes, killed, [refusal(path) for path in refusals])
        if silent is not None:
            words = f"rank {silent} of {self._ranks} ended with exit code {codes[silent]}, and did not say why"
            first = silent if codes[silent] else first
        is_told = _tell_others(refusals, is_known=bool(words or self._asked))
        cause = None if self._asked else words
        for log in announced.opened(logs) if cause else ():
            ending.tell(log, str(cause))
        return Ended(codes, first, cause, bool(self._asked), is_told)

    def _killed(self, rank: int, code: int, num_oom_kills: int) -> str:
        who = f"rank {rank} of {self._ranks}" if self._ranks > 1 else "the run"
        return f"{who} was killed: {ending.cause_of(code, num_oom_kills)}"

    def _wait(self, note: Path) -> tuple[int, str | None]:
        """Until a rank has ended as none should, or all have ended, or none gives a sign: which, and what is to be said
        of the last."""
        silent = _Silence(note, self._ranks)
        while True:
            codes = [one.poll() for one in self._running]
            for rank, code in enumerate(codes):
                if code is not None and code != 0:
                    return rank, None
            if all(code == 0 for code in codes):
                return 0, None
            if (words := silent.look()) is not None:
                return 0, words
            time.sleep(POLL_S)

    def _end_all(self, grace_s: float) -> tuple[list[int], set[int]]:
        """Wait for those that are ending, end the others, and give all exit codes, and who was ended here."""
        killed, until = set[int](), time.monotonic() + grace_s
        while any(one.poll() is None for one in self._running) and time.monotonic() < until:
            time.sleep(POLL_S)
        for rank, one in enumerate(self._running):
            if one.poll() is None:
                killed.add(rank)
                with suppress(ProcessLookupError):
                    one.send_signal(signal.SIGKILL)
        while any(one.poll() is None for one in self._running):
            time.sleep(POLL_S)
        return [one.poll() or 0 for one in self._running], killed

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """SIGTERM and the first Ctrl-C ask the ranks to stop, which they all hear; a second Ctrl-C interrupts them."""
        caught = (signal.SIGTERM, signal.SIGINT)
        before = {number: signal.signal(number, self._on_signal) for number in caught}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: object) -> None:
        self._asked += 1
        self._hand_on(signal.SIGTERM if self._asked == 1 else signal.SIGINT)

    def _hand_on(self, number: int) -> None:
        for one in self._running:
            with suppress(ProcessLookupError):
                one.send_signal(number)


def _takes_fewer(run: Path, ended: Ended) -> bool:
    """Whether memory ran out and the next attempt takes fewer tokens at once, which no number of attempts limits."""
    found = noted(run)
    return found is not None and found.words == ended.cause


def _tell_others(refusals: Sequence[Path], *, is_known: bool) -> bool:
    """Print what ranks have left and no rank before them has said: those that are refused all say the same.

    Whether a rank has said why it ended. That another rank has gone is worth a line only where nothing else tells why:
    neither we, as `is_known` says, nor another rank.
    """
    left = [refusal(path) for path in refusals]
    own = ["" if is_echo else words for words, is_echo in left]
    for rank, words in enumerate(own):
        if rank and words and words not in own[:rank]:
            print(f"rank {rank}: {words}", file=sys.stderr, flush=True)
    echoes = [f"rank {rank}: {words}" for rank, (words, is_echo) in enumerate(left) if is_echo]
    if echoes and not is_known and not any(own):
        print(echoes[0], file=sys.stderr, flush=True)
    return any(own)


def _silent(codes: Sequence[int], killed: Collection[int], left: Sequence[tuple[str, bool]]) -> int | None:
    """The rank that ended by itself without a word while the others could not: code of a user's, or of a library, ends
    a process so. A run that failed or was stopped has said it, and all its ranks end alike."""
    if any(words and not is_echo for words, is_echo in left):
        return None
    quiet = [rank for rank, (words, _) in enumerate(left) if not words and rank not in killed]
    is_lost = any(is_echo for _, is_echo in left)
    return next((rank for rank in quiet if is_lost or (killed and codes[rank] not in _OF_RUNS)), None)


class _Silence:
    """Whether no rank at all gives a sign, so that none of them could say it: looked at once a second."""

    def __init__(self, note: Path, ranks: int) -> None:
        self._note, self._ranks = note, ranks
        self._attempt: str | None = None
        self._signs: Signs | None = None
        self._looked = time.monotonic()

    def look(self) -> str | None:
        if time.monotonic() - self._looked < 1.0:
            return None
        self._looked = time.monotonic()
        folder, attempt = folder_of(self._note), attempt_of(self._note)
        if folder is None or attempt is None:
            return None
        if self._signs is None or attempt != self._attempt:  # the ranks go back by themselves, to another attempt
            self._attempt, self._signs = attempt, Signs(folder, attempt, self._ranks)
        pulses, silent = self._signs.look()
        if len(pulses) < self._ranks or min(silent.values()) < SILENT_S:
            return None
        return f"the run hung: no rank gives a sign since {min(silent.values()):.0f} s"


def attempt_of(note: Path) -> str | None:
    """The mark of the attempt that the first rank has noted beside the folder; it notes the folder earlier."""
    try:
        return note.read_text(encoding="utf-8").splitlines()[1] or None
    except (OSError, IndexError):
        return None


def newest_checkpoint(folder: Path | None) -> int:
    """The step of the newest complete checkpoint of a run; -1 without one."""
    if folder is None:
        return -1
    found = [path for path in (folder / "checkpoints").glob("step-*") if path.name[5:].isdigit()]
    return max((int(path.name[5:]) for path in found if (path / "manifest.json").exists()), default=-1)


def processes(words: Sequence[str]) -> Start:
    """Ranks that are processes of their own: `python -m whet` with these words."""
    command = [sys.executable, "-m", "whet", *words]

    def start(rank: int, environment: Mapping[str, str]) -> Process:
        # A group of their own: Ctrl-C reaches the launcher, which asks the ranks once.
        own = {**os.environ, **environment}
        return subprocess.Popen(command, env=own, stdin=subprocess.DEVNULL, process_group=0)

    return start
