"""The launcher: one rank's end is everybody's, what was killed is begun anew, and a run that stopped stays stopped."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from whet.train.ranks.launcher import Launcher, newest_checkpoint, processes
from whet.train.ranks.notes import before, leave_word, note_folder

pytestmark = pytest.mark.slow  # they fork, which is for a process that has run nothing else

LONG_S = 60.0


class Forked:
    """A rank that is a fork of the test, with the face of `subprocess.Popen`."""

    def __init__(self, work: Callable[[], int], environment: Mapping[str, str]) -> None:
        self.code: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.environ.update(environment)
            os._exit(work())

    def poll(self) -> int | None:
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.code = os.waitstatus_to_exitcode(status) if pid else None
        return self.code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


def launcher(ranks: int, restarts: int, work: Callable[[int], int]) -> Launcher:
    """`work(rank)` in each rank of each attempt; it returns the exit code."""

    def start(rank: int, environment: Mapping[str, str]) -> Forked:
        return Forked(lambda: work(rank), environment)

    return Launcher(ranks, restarts, start, lambda folder: start)


def checkpointed(run: Path, step: int) -> None:
    folder = run / "checkpoints" / f"step-{step:08d}"
    folder.mkdir(parents=True)
    (folder / "manifest.json").touch()


def test_all_that_end_well_are_done():
    assert launcher(3, 0, lambda rank: 0).run() == 0


@pytest.mark.parametrize("code", [1, 2, 3, 4])
def test_an_exit_code_is_handed_on_and_nothing_is_begun_anew(tmp_path, code):
    def work(rank: int) -> int:
        (tmp_path / f"{time.monotonic_ns()}").touch()
        return code

    assert launcher(2, 5, work).run() == code and len(list(tmp_path.iterdir())) == 2


def test_a_rank_that_is_killed_ends_the_others_and_is_named(capfd):
    def work(rank: int) -> int:
        if rank == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(LONG_S)
        return 0

    began = time.monotonic()
    assert launcher(3, 0, work).run() == 1
    assert time.monotonic() - began < LONG_S / 2
    said = capfd.readouterr().err
    assert "rank 1 of 3 was killed: signal SIGKILL" in said and "train.restarts=3" in said


def test_attempts_follow_while_there_are_new_checkpoints_and_the_next_one_says_why(tmp_path):
    """Each attempt writes a checkpoint and dies, until the fourth is done: `restarts` counts those in between."""
    run = tmp_path / "run"

    def work(rank: int) -> int:
        if rank == 1:
            while not (tmp_path / "attempt-3").exists():
                time.sleep(0.005)
            return 0
        note_folder(run, "a")
        attempt = len(list(tmp_path.glob("attempt-*")))
        (tmp_path / f"attempt-{attempt}").write_text(before())
        if attempt == 3:
            return 5
        checkpointed(run, 10 * (attempt + 1))
        os.kill(os.getpid(), signal.SIGKILL)
        return 0

    assert launcher(2, 1, work).run() == 5
    told = [(tmp_path / f"attempt-{number}").read_text() for number in range(4)]
    assert told[0] == "" and told[3] == "rank 0 of 2 was killed: signal SIGKILL; begun anew from step 30"


def test_a_run_that_gets_nowhere_is_given_up(tmp_path):
    def work(rank: int) -> int:
        (tmp_path / f"{time.monotonic_ns()}").touch()
        os.kill(os.getpid(), signal.SIGKILL)
        return 0

    assert launcher(1, 2, work).run() == 1 and len(list(tmp_path.iterdir())) == 3


def test_a_run_that_hung_is_begun_anew(tmp_path):
    run = tmp_path / "run"

    run.mkdir()

    def work(rank: int) -> int:
        note_folder(run, "a")
        if "the run hung" in before():
            return 0
        leave_word(run, "the run hung: rank 0 waits")
        return 1

    assert launcher(1, 1, work).run() == 0


def test_a_signal_asks_all_ranks_to_stop_and_nothing_follows(tmp_path):
    def work(rank: int) -> int:
        stopped = threading.Event()
        signal.signal(signal.SIGTERM, lambda *given: stopped.set())
        (tmp_path / f"up-{rank}").touch()
        return 3 if stopped.wait(LONG_S) else 9

    def ask() -> None:
        while len(list(tmp_path.iterdir())) < 2:
            time.sleep(0.005)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=ask, daemon=True).start()
    assert launcher(2, 3, work).run() == 3


def test_the_newest_complete_checkpoint_counts(tmp_path):
    assert newest_checkpoint(None) == newest_checkpoint(tmp_path) == -1
    checkpointed(tmp_path, 5)
    (tmp_path / "checkpoints" / "step-00000007").mkdir()
    (tmp_path / "checkpoints" / "step-00000009.partial").mkdir()
    assert newest_checkpoint(tmp_path) == 5


def test_a_process_of_its_own_is_out_of_reach_of_ctrl_c():
    one = processes(["--help"])(0, {"RANK": "0"})
    assert os.getpgid(one.pid) != os.getpgid(0)
    while one.poll() is None:
        time.sleep(0.005)
    assert one.poll() == 0
