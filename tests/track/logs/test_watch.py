"""A process that is watched: its kill is told by one beside it that stays out of its way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tests.track.follow.servers import until
from tests.track.follow.test_supervisor import cause_is_told, command, processes
from tests.track.logs.test_log import REPOSITORY
from whet.track.logs.announced import VARIABLE
from whet.track.reading.store import history

SCRIPT = """
import os, sys, time
from whet.track.logs.watched import watched
with watched():
    import whet.track as track
    print(os.environ.get("WHET_LAUNCHER"), flush=True)
    track.init(id="run", dir=sys.argv[1])
    track.log({"loss": 1.0}, step=7)
    {end}
"""
needs_kernel = pytest.mark.skipif(not cause_is_told(), reason="this kernel tells only parents")


def script(folder, end):
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT.replace("{end}", end), str(folder)], stdout=subprocess.PIPE, cwd=REPOSITORY,
    )  # fmt: skip


@needs_kernel
@pytest.mark.parametrize(
    ("end", "reason"),
    [
        ("os.kill(os.getpid(), 9)", "signal SIGKILL"), ("os._exit(3)", "exit code 3, without a word in the log"),
        # A child that lives on holds what the dead one had open.
        ("os.fork() or time.sleep(20); os.kill(os.getpid(), 9)", "signal SIGKILL"),
    ],
)  # fmt: skip
def test_a_kill_is_told_without_a_launcher(tmp_path, end, reason):
    process = script(tmp_path, end)
    notes = process.stdout.readline().decode().strip()
    process.wait()
    process.stdout.close()
    until(lambda: history(tmp_path / "run").reason == reason)
    until(lambda: not os.path.exists(os.path.dirname(notes)))
    for pid in processes():
        if str(tmp_path) in command(pid):
            os.kill(pid, signal.SIGKILL)


def test_a_process_that_ends_well_leaves_nothing_behind(tmp_path):
    process = script(tmp_path, "track.finish()")
    notes = process.stdout.readline().decode().strip()
    assert process.wait() == 0 and process.stdout.read() == b""  # nobody else holds its output
    process.stdout.close()
    assert not os.path.exists(os.path.dirname(notes))
    assert not any(str(tmp_path) in command(pid) for pid in processes())
    assert [path.name for path in (tmp_path / "run" / "track").glob("*.tlog")] == ["r0.a1.tlog"]


def test_a_launcher_above_is_left_to_tell(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "theirs"))
    process = script(tmp_path, "pass")
    assert process.stdout.readline().decode().strip() == str(tmp_path / "theirs")
    process.wait()
    process.stdout.close()


@needs_kernel
@pytest.mark.slow
def test_a_training_that_is_killed_says_so(tmp_path):
    data = tmp_path / "points.csv"
    data.write_text("x,y,label\n" + "".join(f"{n % 7},{n % 3},{n % 2}\n" for n in range(64)))
    words = [
        "model={kind: mlp, features: 2, classes: 2}", "objective=classify", f"data.train=[{data}]", "name=run",
        "train.steps=1000000", "train.batch_samples=8", f"track.folder={tmp_path}", "track.sinks=[log]",
    ]  # fmt: skip
    process = subprocess.Popen([sys.executable, "-m", "whet", "train", *words], cwd=REPOSITORY)
    until(lambda: (history(tmp_path / "run").last_step or 0) > 5)
    process.kill()
    process.wait()
    until(lambda: history(tmp_path / "run").reason == "signal SIGKILL")
