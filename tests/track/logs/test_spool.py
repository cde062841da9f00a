"""The spool of slow disks: the log in the end is the log, whatever the disk or a kill does in between."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from tests.track.logs.test_log import REPOSITORY
from whet.base.errors import RunError
from whet.track.logs import frames, spool
from whet.track.logs.event_log import EventLog
from whet.track.reading.read import History


@pytest.fixture(autouse=True)
def spooled(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv(spool.VARIABLE, "always")


def test_what_went_through_the_spool_is_in_the_log_and_the_spool_is_gone(tmp_path):
    log = EventLog(tmp_path / "run")
    for step in range(500):
        log.scalars(step, {"loss": float(step)})
    log.close("done", "")
    history = History(tmp_path / "run")
    assert (history.scalar("loss")[0].tolist(), history.status, history.damaged) == (list(range(500)), "done", 0)
    assert [path for path in (tmp_path / "tmp").rglob("*") if path.is_file()] == []


class Disk:
    """An `os.write` to logs that waits while it is told to."""

    def __init__(self, monkeypatch) -> None:
        self.answers = threading.Event()
        write = os.write

        def slow(fd: int, data: bytes) -> int:
            if threading.current_thread() is not threading.main_thread():
                self.answers.wait()
            return write(fd, data)

        monkeypatch.setattr(os, "write", slow)


def test_a_disk_that_stalls_stops_no_call_and_costs_only_what_the_spool_cannot_hold(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(spool, "PAUSE_S", 0.01)
    monkeypatch.setattr(spool, "LIMIT_BYTES", 2000)
    disk, log = Disk(monkeypatch), EventLog(tmp_path / "run")
    for step in range(200):  # more than the spool takes
        log.scalars(step, {"loss": float(step)})
    assert log.dropped > 100
    disk.answers.set()
    while log._spool._copied < log._spool._written:
        threading.Event().wait(0.01)
    log.scalars(200, {"loss": 200.0})
    log.close("done", "")
    history = History(tmp_path / "run")
    kept = history.scalar("loss")[0].tolist()
    assert kept == [*range(200 - log.dropped), 200]
    assert (history.dropped, history.damaged) == (log.dropped, 0)
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_disk_that_never_answers_leaves_the_spool_and_says_where(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(spool, "PATIENCE_S", 0.05)
    monkeypatch.setattr(spool, "PAUSE_S", 0.01)
    disk, log = Disk(monkeypatch), EventLog(tmp_path / "run")
    log.scalars(1, {"loss": 1.0})
    log.close("done", "")
    assert str(log._spool.path) in capsys.readouterr().err
    assert log._spool.path.stat().st_size > 0
    disk.answers.set()
    log._spool._thread.join()


KILLED = """
import os, sys
from pathlib import Path
from whet.track.logs import spool
from whet.track.logs.event_log import EventLog
spool.PAUSE_S = 1000.0
log = EventLog(Path(sys.argv[1]))
for step in range(100):
    log.scalars(step, {"loss": float(step)})
os.kill(os.getpid(), 9)
"""


def test_a_killed_process_loses_nothing_once_somebody_opens_its_run_here(tmp_path):
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "run")], cwd=REPOSITORY)
    assert done.returncode == -signal.SIGKILL
    path = tmp_path / "run" / "r0.a1.tlog"
    assert path.stat().st_size < 200  # the thread had copied nothing
    for _ in range(2):
        history = History(tmp_path / "run")
        assert (history.scalar("loss")[0].tolist(), history.status) == (list(range(100)), "killed")
    assert not spool.path_of(path).exists()


def test_a_live_spool_is_left_to_its_process(tmp_path, monkeypatch):
    monkeypatch.setattr(spool, "PAUSE_S", 1000.0)
    log = EventLog(tmp_path / "run")
    log.scalars(1, {"loss": 1.0})
    assert spool.recover(log.path) == 0
    log.close("done", "")
    assert len(History(tmp_path / "run").scalar("loss")[0]) == 1


def test_network_disks_have_a_spool_and_others_none(tmp_path, monkeypatch):
    monkeypatch.setenv(spool.VARIABLE, "auto")
    assert (spool.magic("/proc"), spool.magic(tmp_path / "nowhere")) == (0x9FA0, 0)  # PROC_SUPER_MAGIC
    assert not spool.is_wanted("/proc")
    monkeypatch.setattr(spool, "magic", lambda folder: 0x6969)
    assert spool.is_wanted(tmp_path)
    monkeypatch.setenv(spool.VARIABLE, "never")
    assert not spool.is_wanted(tmp_path)
    monkeypatch.setenv(spool.VARIABLE, "sometimes")
    with pytest.raises(RunError, match="no way to spool"):
        EventLog(tmp_path / "run")


def test_a_run_of_a_newer_whet_is_not_written_to(tmp_path):
    log = EventLog(tmp_path)
    log.close("done", "")
    data = log.path.read_bytes()
    log.path.write_bytes(frames.MAGIC[:-1] + b"2" + data[len(frames.MAGIC) :])
    with pytest.raises(RunError, match="newer whet"):
        EventLog(tmp_path)
    assert [path.name for path in tmp_path.glob("*.tlog")] == ["r0.a1.tlog"]
