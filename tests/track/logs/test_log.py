"""EventLog: what was logged survives kills, forks and full disks, and training never hears of trouble."""

import gc
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from whet.base.errors import RunError
from whet.track.logs import frames
from whet.track.logs.event_log import EventLog, _forgotten_by_children
from whet.track.reading.read import History

REPOSITORY = Path(__file__).resolve().parents[3]


def start(script: str, folder: Path, **pipes) -> subprocess.Popen:
    """A Python process that runs `script` with the folder as its argument."""
    return subprocess.Popen(
        [sys.executable, "-c", script, str(folder)], cwd=REPOSITORY, stdout=subprocess.PIPE, bufsize=0, **pipes
    )


WRITE_FOR_EVER = """
import itertools, os, sys
from pathlib import Path
from whet.track.logs.event_log import EventLog, _forgotten_by_children
log = EventLog(Path(sys.argv[1]))
for step in itertools.count(1):
    log.scalars(step, {"loss": 1 / step, "lr": 1e-4})
    if step % 10 == 0:
        log.event("notice", step, {"text": "ten more"})
    os.write(1, b"%d\\n" % step)
"""


def test_all_calls_before_a_sigkill_are_in_the_log(tmp_path):
    writer = start(WRITE_FOR_EVER, tmp_path)
    for _ in range(500):
        writer.stdout.readline()
    assert History(tmp_path).status == "running"
    writer.send_signal(signal.SIGKILL)
    acknowledged = 500 + len(writer.stdout.read().splitlines())
    writer.wait()

    history = History(tmp_path)
    steps, values = history.scalar("loss")
    assert history.status == "killed"
    assert list(steps[:acknowledged]) == list(range(1, acknowledged + 1))
    assert list(values) == [1 / step for step in steps]
    assert len(history.events("notice")) >= acknowledged // 10


FORK_AND_WAIT = """
import os, sys
from pathlib import Path
from whet.track.logs.event_log import EventLog, _forgotten_by_children
log = EventLog(Path(sys.argv[1]))
log.scalars(1, {"loss": 1.0})
if os.fork() == 0:
    log.scalars(2, {"loss": 2.0})
    os.write(1, b"w")
    os.read(0, 1)
    os._exit(0)
os.read(0, 1)
"""


def test_a_forked_worker_neither_writes_nor_keeps_a_dead_run_alive(tmp_path):
    trainer = start(FORK_AND_WAIT, tmp_path, stdin=subprocess.PIPE)
    assert trainer.stdout.read(1) == b"w"
    assert History(tmp_path).status == "running"
    trainer.kill()
    trainer.wait()
    history = History(tmp_path)
    trainer.stdin.close()
    assert trainer.stdout.read() == b""  # only now does the worker end
    assert history.status == "killed"
    assert list(history.scalar("loss")[0]) == [1]


def test_logs_that_were_closed_leave_nothing_to_do_at_a_fork(tmp_path, monkeypatch):
    """A server opens a log for every edit, and what is registered with the system stays as long as the process."""
    registered = []
    EventLog(tmp_path, "first").close("done", "")
    monkeypatch.setattr(os, "register_at_fork", lambda **call: registered.append(call))
    for _ in range(3):
        EventLog(tmp_path, "more").close("done", "")
    gc.collect()
    assert registered == [] and not [log for log in _forgotten_by_children() if log.path.parent == tmp_path]


# A limit on the size of files cuts writes short just as a full disk does.
FILL_THE_DISK = """
import resource, sys
from pathlib import Path
from whet.track.logs.event_log import EventLog, _forgotten_by_children
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
log = EventLog(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
for step in range(100):
    log.scalars(step, {"loss": float(step)})
log.scalars(100, {"new": 1.0})
full = log.dropped
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
for step in range(101, 200):
    log.scalars(step, {"loss": float(step), **({"new": 2.0} if step > 150 else {})})
log.scalars(200, {"new": 3.0})
log.close("done", "")
print(full)
"""


def test_a_full_disk_loses_only_what_did_not_fit_and_is_said_once(tmp_path):
    writer = start(FILL_THE_DISK, tmp_path, stderr=subprocess.PIPE)
    out, said = writer.communicate()
    dropped = int(out)
    assert 20 < dropped < 80
    history = History(tmp_path)
    steps, values = history.scalar("loss")
    assert list(steps) == [*range(101 - dropped), *range(101, 200)]
    assert list(values) == list(steps)
    assert list(history.scalar("new")[0]) == [*range(151, 200), 200]
    assert (history.status, history.dropped, history.damaged) == ("done", dropped, 0)
    assert len(said.splitlines()) == 1
    assert b"r0.a1.tlog" in said


def test_each_call_is_one_write(tmp_path, monkeypatch):
    log = EventLog(tmp_path)
    sizes, write = [], os.write
    monkeypatch.setattr(os, "write", lambda fd, data: sizes.append(len(data)) or write(fd, data))
    log.scalars(1, {"a": 1.0})  # with its schema
    log.scalars(2, {"a": 1.0})
    log.event("notice", 3, {})
    log.close("done", "")
    assert len(sizes) == 4
    assert sum(sizes) < log.path.stat().st_size


def test_five_scalars_take_67_bytes(tmp_path):
    log = EventLog(tmp_path)
    values = dict.fromkeys("abcde", 1.0)
    log.scalars(1, values)
    before = log.path.stat().st_size
    log.scalars(2, values)
    assert log.path.stat().st_size - before == 67
    log.close("done", "")


@pytest.mark.parametrize("values", [{"a": "no number"}, {"a": None}, {"a": 10**400}, None])
def test_values_that_cannot_be_logged_are_dropped_without_an_error(tmp_path, capsys, values):
    log = EventLog(tmp_path)
    log.scalars(1, {"a": 1.0})
    log.scalars(2, values)
    log.scalars("three", {"a": 1.0})
    log.scalars(4, {"a": 4.0})
    log.close("done", "")
    log.scalars(5, {"a": 5.0})
    assert log.dropped == 3
    history = History(tmp_path)
    assert list(history.scalar("a")[0]) == [1, 4]
    assert history.dropped == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_an_event_takes_any_payload(tmp_path):
    log = EventLog(tmp_path)
    log.event("strange", 1, {"path": Path("a/b"), "set": {1}, "nan": float("nan"), "half": "\ud83d", "text": "模型"})
    log.close("done", "")
    (event,) = History(tmp_path).events("strange")
    assert event.payload == {"path": "a/b", "set": [1], "nan": "NaN", "half": "\ud83d", "text": "模型"}


def test_attempts_take_the_next_free_number_a_rank(tmp_path):
    names = []
    for writer in ("r0", "r0", "r1", "r0"):
        log = EventLog(tmp_path, writer)
        names.append(log.path.name)
        log.close("done", "")
    (tmp_path / "r1.a7.tlog").touch()
    log = EventLog(tmp_path, "r1")
    log.close("done", "")
    assert [*names, log.path.name] == ["r0.a1.tlog", "r0.a2.tlog", "r1.a1.tlog", "r0.a3.tlog", "r1.a8.tlog"]


def test_a_folder_that_cannot_be_written_is_refused_at_the_door(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="cannot start"):
        EventLog(tmp_path / "file" / "track")


def test_threads_do_not_mix_their_frames(tmp_path):
    log = EventLog(tmp_path)

    def write(name: str) -> None:
        for step in range(300):
            log.scalars(step, {f"{name}{step % 7}": float(step)})

    threads = [threading.Thread(target=write, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close("done", "")
    history = History(tmp_path)
    assert (log.dropped, history.damaged) == (0, 0)
    for name in "abc":
        for part in range(7):
            steps, values = history.scalar(f"{name}{part}")
            assert list(steps) == list(values) == list(range(part, 300, 7))


def test_more_schemas_than_ids_start_over(tmp_path, monkeypatch):
    monkeypatch.setattr(frames, "MAX_SCHEMAS", 3)
    log = EventLog(tmp_path)
    for step in range(40):
        log.scalars(step, {f"name{step % 5}": float(step)})
    log.close("done", "")
    history = History(tmp_path)
    for name in range(5):
        assert list(history.scalar(f"name{name}")[1]) == list(range(name, 40, 5))


NAMES_OF_HEAVY_MODULES = """
import importlib, json, pkgutil, sys
import whet.track, whet.track.sinks
for package in (whet.track, whet.track.sinks):
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        if module.name != "whet.track.terminal.live":
            importlib.import_module(module.name)
print(json.dumps([m for m in ("numpy", "rich", "torch", "pydantic", "yaml") if m in sys.modules]))
"""


def test_the_room_imports_nothing_heavy():
    out = subprocess.run(
        [sys.executable, "-c", NAMES_OF_HEAVY_MODULES], cwd=REPOSITORY, capture_output=True, check=True
    )
    assert json.loads(out.stdout) == []
