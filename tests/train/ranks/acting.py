"""What ranks do in test_launcher.py, without torch: `python -m tests.train.ranks.acting WAY FOLDER`."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path

from whet.train.ranks.notes import before, leave_refusal, leave_word, note_folder
from whet.train.ranks.pulse import Pulse, path_of

LONG_S = 600.0  # one that is never ended
RANK = int(os.environ.get("RANK", "0"))


def killed() -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 9


def ends(folder: Path, code: str) -> int:
    """With this exit code, and a file of its own."""
    (folder / f"{time.monotonic_ns()}-{os.getpid()}").touch()
    return int(code)


def is_refused(folder: Path) -> int:
    leave_refusal("error: rank 2 has another file" if RANK == 2 else "error: no row is left")
    return 2


def second_is_killed(folder: Path) -> int:
    if RANK == 1:
        killed()
    time.sleep(LONG_S)
    return 0


def fails(folder: Path) -> int:
    """The second rank says why, and leaves word for the next attempt."""
    run = folder / "run"
    if RANK == 0:
        note_folder(run, "a")
        run.mkdir()  # for the other one to leave word there
        time.sleep(LONG_S)
    while not (run / "pulse" / "word").exists():
        leave_word(run, "rank 1 failed: MemoryError")
    leave_refusal("error: memory ran out")
    return 4


def loses_another(folder: Path) -> int:
    """Both ranks see the other's end, and the second one has been killed where there is a file `killed`."""
    if RANK == 1 and (folder / "killed").exists():
        killed()
    leave_refusal(f"error: rank {RANK} ends because another rank has gone", is_echo=True)
    return 1


def ends_unsaid(folder: Path, way: str) -> int:
    """The second rank ends as code of a user's may, and the first one waits for it, or sees that it has gone."""
    if RANK == 1:
        return 7
    if way == "sees":
        leave_refusal("error: rank 0 ends because another rank has gone", is_echo=True)
        return 1
    time.sleep(LONG_S)
    return 0


def checkpoints(folder: Path) -> int:
    """The first rank writes a checkpoint and dies, three times, and then ends with 5; the other one is done then."""
    run = folder / "run"
    if RANK == 1:
        while not (folder / "attempt-3").exists():
            time.sleep(0.005)
        return 0
    note_folder(run, "a")
    attempt = len(list(folder.glob("attempt-*")))
    (folder / f"attempt-{attempt}").write_text(before())
    if attempt == 3:
        return 5
    checkpointed(run, 10 * (attempt + 1))
    return killed()


def checkpointed(run: Path, step: int) -> None:
    folder = run / "checkpoints" / f"step-{step:08d}"
    folder.mkdir(parents=True)
    (folder / "manifest.json").touch()


def gets_nowhere(folder: Path) -> int:
    (folder / f"{time.monotonic_ns()}-{os.getpid()}").touch()
    return killed()


def hangs_once(folder: Path) -> int:
    run = folder / "run"
    run.mkdir(exist_ok=True)
    note_folder(run, "a")
    if "the run hung" in before():
        return 0
    leave_word(run, "the run hung: rank 0 waits")
    return 1


def all_stop(folder: Path, *attempts: str) -> int:
    """As ranks do that are stopped from outside in the last of the attempts: the folder is noted before an attempt is,
    and ranks that go back to a checkpoint make another attempt by themselves."""
    run = folder / "run"
    (run / "pulse").mkdir(parents=True, exist_ok=True)
    for attempt in ("", *attempts):
        if RANK == 0:
            note_folder(run, attempt)
        pulse = Pulse(attempt, RANK, os.getpid(), "box", 1, 0, "forward", "f.py:1", False, 0.0, 1, 0)
        path_of(run, RANK).write_text(json.dumps(asdict(pulse)))
        time.sleep(1.5)  # the launcher looks once a second
    os.kill(os.getpid(), signal.SIGSTOP)
    return 0


def stops_when_asked(folder: Path) -> int:
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *given: stopped.set())
    (folder / f"up-{RANK}").touch()
    return 3 if stopped.wait(LONG_S) else 9


_ALL = (
    ends,
    fails,
    is_refused,
    loses_another,
    ends_unsaid,
    second_is_killed,
    checkpoints,
    gets_nowhere,
    hangs_once,
    all_stop,
    stops_when_asked,
)
WAYS = {way.__name__: way for way in _ALL}

if __name__ == "__main__":
    sys.exit(WAYS[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:]))
