"""What was started ends with what started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
# A launcher starts a rank that never ends by itself, and says its number.
LAUNCHER = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]])
print(child.pid, flush=True)
time.sleep(600)
"""
RANK = "import time, whet.base.launcher as l; l.end_with_launcher(); print('up', flush=True); time.sleep(600)"


@pytest.mark.case("D10")
def test_a_rank_ends_when_its_launcher_is_killed():
    environment = os.environ | {"WORLD_SIZE": "2", "RANK": "0", "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-c", LAUNCHER, RANK]
    launcher = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert launcher.stdout is not None
    rank = int(launcher.stdout.readline())
    assert launcher.stdout.readline() == "up\n"
    launcher.kill()
    launcher.wait()
    assert _has_ended(rank)


@pytest.mark.case("D10")
def test_a_busy_worker_says_nothing_at_ctrl_c_and_ends_with_its_parent(tmp_path):
    """Ctrl-C is a signal to all processes of the terminal's group."""
    (tmp_path / "busy.py").write_text(
        "import os, sys, time\n\n\ndef lasts():\n"
        "    print(os.getpid(), file=sys.stderr, flush=True)\n    time.sleep(600)\n"
    )
    code = (
        "import busy, signal; from whet.base.workers import Workers\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "Workers({'lasts': busy.lasts}, num=1).submit('lasts', ()).result()"
    )
    environment = os.environ | {"PYTHONPATH": f"{REPOSITORY}{os.pathsep}{tmp_path}"}
    parent = subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert parent.stderr is not None
    worker = int(parent.stderr.readline())
    os.killpg(parent.pid, signal.SIGINT)
    time.sleep(0.2)
    parent.kill()
    assert "Traceback" not in parent.stderr.read()
    parent.wait()
    assert _has_ended(worker)


def _has_ended(pid: int) -> bool:
    """Whether the process is gone, or waits only for whoever inherited it, within ten seconds."""
    for _ in range(100):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.1)
    return False
