"""A server that is kept going: begun again when it ends or is deaf, given up in the end, and ended with us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.generate.servers.playing import PLAY, command_of, free_port
from whet.base.errors import RunError
from whet.generate.servers.child import Child
from whet.generate.servers.supervisor import Patience, Supervisor

QUICK = Patience(every_s=0.05, check_every_s=0.1, check_s=0.3, checks=2, first_pause_s=0.05, restarts=2, good_s=60)


def until(holds, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def is_there(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("behaviour", ["dies-once", "deaf"])
def test_a_server_that_ends_or_is_deaf_is_begun_again(tmp_path, behaviour):
    port = free_port()
    supervisor = Supervisor("played", command_of(port, behaviour, tmp_path), port, patience=QUICK)
    supervisor.start()
    try:
        assert supervisor.is_ready
        until(lambda: supervisor.num_restarts == 1 and supervisor.is_ready)
        assert not is_there(int((tmp_path / "start-0").read_text()))
    finally:
        supervisor.stop()
    assert not is_there(int((tmp_path / "start-1").read_text())) and supervisor.failure is None


def test_one_that_does_not_start_is_one_message_with_its_last_words(tmp_path):
    port = free_port()
    supervisor = Supervisor("played", command_of(port, "dies", tmp_path), port, tmp_path / "log", QUICK)
    with pytest.raises(RunError, match="ended before it answered: exit code 3") as error:
        supervisor.start()
    assert "the weights do not fit" in error.value.message and "play.py" in (error.value.hint or "")
    assert "loading weights" in (tmp_path / "log").read_text() and len(list(tmp_path.glob("start-*"))) == 1


def test_one_that_goes_on_failing_is_given_up_and_said(tmp_path):
    port, told = free_port(), []
    supervisor = Supervisor("played", command_of(port, "well", tmp_path), port, patience=QUICK)
    supervisor.on_failure = lambda: told.append(1)
    supervisor.start()
    try:
        supervisor._command = command_of(port, "dies", tmp_path)
        os.kill(int((tmp_path / "start-0").read_text()), signal.SIGKILL)
        until(lambda: told)
        assert supervisor.failure is not None and "given up" in supervisor.failure.message
        assert "the weights do not fit" in supervisor.failure.message
        assert len(list(tmp_path.glob("start-*"))) == 1 + QUICK.restarts
    finally:
        supervisor.stop()


def test_the_engine_ends_with_whoever_started_it_however_that_ends(tmp_path):
    code = (
        "import sys, time; from pathlib import Path\n"
        "from whet.generate.servers.child import Child; from whet.generate.servers.wanted import Command\n"
        f"child = Child(Command((sys.executable, {str(PLAY)!r}, '{free_port()}', 'well', {str(tmp_path)!r}), {{}}))\n"
        "time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code])
    try:
        until(lambda: (tmp_path / "start-0").exists() and (tmp_path / "start-0").read_text())
        pid = int((tmp_path / "start-0").read_text())
        assert is_there(pid)
    finally:
        parent.kill()
        parent.wait()
    until(lambda: not is_there(pid))


def test_what_does_not_heed_the_signal_is_killed_with_what_it_started(tmp_path):
    script = tmp_path / "stubborn.sh"
    script.write_text("trap '' TERM\nsleep 300 &\necho $! > inner\necho begun\nwait\nwait\n")
    from whet.generate.servers.wanted import Command

    child = Child(Command(("sh", "-c", f"cd {tmp_path} && . ./stubborn.sh"), {}))
    until(lambda: child.last == "begun")
    inner = int((tmp_path / "inner").read_text())
    child.stop(grace_s=0.2)
    assert not child.is_alive
    until(lambda: not is_there(inner))
