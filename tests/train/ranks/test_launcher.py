"""The launcher: one rank's end is everybody's, what was killed is begun anew, and a run that stopped stays stopped."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.train.ranks.acting import checkpointed
from whet.train.ranks import launcher
from whet.train.ranks.launcher import Launcher, newest_checkpoint, processes


def launched(ranks: int, restarts: int, folder: Path, *way: str) -> int:
    """The exit code of a launcher whose ranks do as tests/train/ranks/acting.py says, in each attempt."""
    way_of, *given = way
    command = [sys.executable, "-m", "tests.train.ranks.acting", way_of, str(folder), *given]

    def start(rank: int, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(command, env={**os.environ, **environment, "PYTHONPATH": str(REPOSITORY)})

    return Launcher(ranks, restarts, start, lambda folder: start).run()


def test_all_that_end_well_are_done(tmp_path):
    assert launched(3, 0, tmp_path, "ends", "0") == 0


@pytest.mark.parametrize("code", ["1", "2", "3", "4"])
def test_an_exit_code_is_handed_on_and_nothing_is_begun_anew(tmp_path, code):
    assert launched(2, 5, tmp_path, "ends", code) == int(code) and len(list(tmp_path.iterdir())) == 2


def test_what_ranks_are_refused_for_is_said_once(tmp_path, capfd):
    """Rank 0 prints what it is refused for; of the others the launcher prints what differs."""
    assert launched(3, 0, tmp_path, "is_refused") == 2
    assert capfd.readouterr().err == "rank 2: error: rank 2 has another file\n"


@pytest.mark.parametrize("is_killed", [True, False])
def test_that_another_rank_has_gone_is_said_only_where_nobody_says_why(tmp_path, capfd, is_killed):
    if is_killed:
        (tmp_path / "killed").touch()
    assert launched(2, 0, tmp_path, "loses_another") == 1
    said = capfd.readouterr().err
    assert ("rank 1 of 2 was killed" in said) == is_killed
    assert said.count("another rank has gone") == int(not is_killed)


@pytest.mark.parametrize("way", ["sees", "waits"])
def test_a_rank_that_ends_without_a_word_is_named_with_its_code(tmp_path, capfd, monkeypatch, way):
    monkeypatch.setattr(launcher, "_GRACE_S", 1.0)
    assert launched(2, 0, tmp_path, "ends_unsaid", way) == 7
    said = capfd.readouterr().err
    assert said.startswith("error: rank 1 of 2 ended with exit code 7, and did not say why\nhint: ")
    assert "another rank has gone" not in said


def test_a_failure_that_a_rank_has_told_is_not_told_again(tmp_path, capfd):
    assert launched(2, 0, tmp_path, "fails") == 4
    said = capfd.readouterr().err
    assert said.startswith("rank 1: error: memory ran out\nhint: ") and "MemoryError" not in said


def test_a_rank_that_is_killed_ends_the_others_and_is_named(tmp_path, capfd):
    assert launched(3, 0, tmp_path, "second_is_killed") == 1  # the others would sleep beyond the test's ceiling
    said = capfd.readouterr().err
    assert "rank 1 of 3 was killed: signal SIGKILL" in said and "train.restarts=3" in said


def test_attempts_follow_while_there_are_new_checkpoints_and_the_next_one_says_why(tmp_path):
    """Each attempt writes a checkpoint and dies, until the fourth is done: `restarts` counts those in between."""
    assert launched(2, 1, tmp_path, "checkpoints") == 5
    told = [(tmp_path / f"attempt-{number}").read_text() for number in range(4)]
    assert told[0] == "" and told[3] == "rank 0 of 2 was killed: signal SIGKILL; begun anew from step 30"


def test_a_run_that_gets_nowhere_is_given_up(tmp_path):
    assert launched(1, 2, tmp_path, "gets_nowhere") == 1 and len(list(tmp_path.iterdir())) == 3


def test_a_run_that_hung_is_begun_anew(tmp_path):
    assert launched(1, 1, tmp_path, "hangs_once") == 0


@pytest.mark.parametrize("attempts", [["a"], ["a", "b"]])
def test_ranks_that_are_all_stopped_are_missed(tmp_path, capfd, monkeypatch, attempts):
    """Also after they have gone back, without the launcher, to a checkpoint."""
    monkeypatch.setattr(launcher, "SILENT_S", 2.0)
    assert launched(2, 0, tmp_path, "all_stop", *attempts) == 1
    said = capfd.readouterr().err
    assert re.match(r"error: the run hung: no rank gives a sign since \d+ s\n  at ", said)
    assert f"hint: whet train {tmp_path / 'run'} --ranks 2 begins it anew; train.restarts=3" in said


def test_a_signal_asks_all_ranks_to_stop_and_nothing_follows(tmp_path):
    def ask() -> None:
        while len(list(tmp_path.iterdir())) < 2:
            time.sleep(0.005)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=ask, daemon=True).start()
    assert launched(2, 3, tmp_path, "stops_when_asked") == 3


def test_the_newest_complete_checkpoint_counts(tmp_path):
    assert newest_checkpoint(None) == newest_checkpoint(tmp_path) == -1
    checkpointed(tmp_path, 5)
    (tmp_path / "checkpoints" / "step-00000007").mkdir()
    (tmp_path / "checkpoints" / "step-00000009.partial").mkdir()
    assert newest_checkpoint(tmp_path) == 5


def test_a_process_of_its_own_is_out_of_reach_of_ctrl_c():
    one = processes(["--version"])(0, {"RANK": "0"})
    assert os.getpgid(one.pid) != os.getpgid(0)
    while one.poll() is None:
        time.sleep(0.005)
    assert one.poll() == 0
