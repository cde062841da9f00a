"""How runs end that cannot say it themselves: a signal, memory, an exit code, as their launcher has seen it."""

import os
import signal
import subprocess
import sys

import pytest

from tests.track.logs.test_log import REPOSITORY
from whet.track.logs import announced, ending
from whet.track.logs.event_log import EventLog
from whet.track.logs.liveness import is_held
from whet.track.reading.catalogue import runs
from whet.track.reading.read import UNKNOWN, History
from whet.track.reading.store import history
from whet.track.terminal.terminal_page import show

SCRIPT = """
import os, sys, whet.track as track
track.init(id="run", dir=sys.argv[1])
track.log({{"loss": 1.0}}, step=7)
{end}
"""


@pytest.mark.parametrize(
    ("end", "status", "reason"),
    [
        ("os.kill(os.getpid(), 9)", "killed", "signal SIGKILL"),
        ("os.kill(os.getpid(), 15)", "killed", "signal SIGTERM"),
        ("os._exit(3)", "killed", "exit code 3, without a word in the log"),
        ("sys.exit(0)", "done", "the script ended without `finish`"),
    ],
)
def test_a_launcher_tells_what_the_run_could_not(tmp_path, end, status, reason):
    code = ending.launch([sys.executable, "-c", SCRIPT.format(end=end), str(tmp_path)], cwd=REPOSITORY)
    (run,) = runs(tmp_path)
    assert (run.status, run.reason) == (status, reason)
    assert code == {"done": 0}.get(status, {"signal SIGKILL": -9, "signal SIGTERM": -15}.get(reason, 3))
    assert reason in show(run.folder)
    assert history(run.folder).ranks == [0]


def test_a_process_below_the_launched_one_is_told_of_too(tmp_path):
    inner = SCRIPT.format(end="os.kill(os.getpid(), 9)")
    outer = "import subprocess, sys; subprocess.run([sys.executable, '-c', *sys.argv[1:]])"
    ending.launch([sys.executable, "-c", outer, inner, str(tmp_path)], cwd=REPOSITORY)
    (run,) = runs(tmp_path)
    assert (run.status, run.reason) == ("killed", "exit code 0, without a word in the log")


def test_without_a_launcher_the_cause_is_said_to_be_unknown(tmp_path):
    log = EventLog(tmp_path)
    assert History(tmp_path).reason == ""
    log._abandon()  # what the kernel does to a killed process
    assert (History(tmp_path).status, History(tmp_path).reason) == ("killed", UNKNOWN)


def test_the_cause_is_that_of_its_own_attempt(tmp_path):
    first = EventLog(tmp_path)
    first._abandon()
    ending.tell(first.path, "signal SIGKILL")
    assert History(tmp_path).reason == "signal SIGKILL"
    second = EventLog(tmp_path)
    ending.tell(second.path, "it lives")  # says nothing of what still runs
    second._abandon()
    assert History(tmp_path).reason == UNKNOWN


@pytest.mark.parametrize(
    ("code", "num", "words"),
    [(-9, 1, "out of memory"), (-9, 0, "SIGKILL"), (-11, 1, "SIGSEGV"), (1, 5, "exit code 1"), (-60, 0, "signal 60")],
)
def test_the_kernel_says_which_kill_was_for_memory(code, num, words):
    assert words in ending.cause_of(code, num)


def test_the_count_of_kills_for_memory_is_the_cgroups(tmp_path):
    (tmp_path / "two" / "job").mkdir(parents=True)
    (tmp_path / "two" / "job" / "memory.events").write_text("low 0\nhigh 3\noom 2\noom_kill 2\n")
    (tmp_path / "proc").write_text("0::/job\n")
    assert ending.oom_kills(tmp_path / "proc", tmp_path / "two") == 2
    (tmp_path / "one" / "memory" / "job").mkdir(parents=True)
    (tmp_path / "one" / "memory" / "job" / "memory.oom_control").write_text("oom_kill_disable 0\noom_kill 1\n")
    (tmp_path / "proc").write_text("7:cpu:/x\n4:memory:/job\n0::/\n")
    assert ending.oom_kills(tmp_path / "proc", tmp_path / "one") == 1
    assert ending.oom_kills(tmp_path / "nowhere") is None


def test_a_kill_of_the_test_itself_is_a_signal_by_name():
    done = subprocess.run([sys.executable, "-c", "import os; os.kill(os.getpid(), 6)"], capture_output=True)
    assert ending.cause_of(done.returncode) == f"signal {signal.Signals(6).name}"
    assert os.environ.get(announced.VARIABLE) is None


def test_a_log_that_was_closed_is_free_though_a_child_has_a_copy_of_its_file(tmp_path):
    log = EventLog(tmp_path)
    copy = os.dup(log._fd)  # as a program has that was started a moment ago
    log.close("done", "")
    assert not is_held(log.path)
    os.close(copy)
