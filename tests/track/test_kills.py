"""Processes that are killed at any moment, and a disk that is full: what was acknowledged is there, and once."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.track.logs.test_log import REPOSITORY
from whet.track.follow.delivery import hand_over
from whet.track.follow.order import Order, memory_of
from whet.track.imports import import_runs
from whet.track.reading.catalogue import runs
from whet.track.reading.store import history

LOG_FOR_EVER = """
import os, sys, time
import whet.track as track

run = track.init(id="run", dir=sys.argv[1], tee="tensorboard")
for step in range(1 << 30):
    run.log({"loss": 1 / (step + 1), "lr": 0.5}, step)
    if step % 20 == 0:
        run.log({"words": "x" * 50}, step)
    os.write(1, b"%d\\n" % step)
    time.sleep(0.001)
"""


def processes_of(run: Path) -> list[int]:
    """The follower of a run and its plug-ins, by what they were started with."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if str(run) in words and any(word.startswith("whet.track.follow") for word in words):
                found.append(int(entry.name))
    return found


def kill(pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("seed", [*range(3), *(pytest.param(n, marks=pytest.mark.slow) for n in range(3, 23))])
def test_a_script_and_its_follower_killed_at_any_moment_lose_nothing_and_tell_nothing_twice(tmp_path, seed):
    chance, run = random.Random(seed), tmp_path / "run"
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "WHET_RECORD": "never"}
    script = subprocess.Popen([sys.executable, "-c", LOG_FOR_EVER, tmp_path], stdout=subprocess.PIPE, env=environment)
    assert script.stdout is not None
    is_followed = chance.random() < 0.7  # else all may be over before the follower has begun
    while is_followed and not (run / "follow" / "tensorboard.state.json").exists():
        script.stdout.readline()
    for _ in range(chance.choice([0, 1, 2])):  # of the follower and its plug-in, whoever is there by then
        for _ in range(chance.randrange(1, 400)):
            script.stdout.readline()
        if there := processes_of(run):
            kill([chance.choice(there)])
    for _ in range(chance.randrange(1, 400)):
        last = script.stdout.readline()
    script.kill()
    acknowledged = int((last + script.stdout.read()).split()[-1])
    script.wait()
    kill(processes_of(run))

    logs = history(run)
    steps, values = logs.scalar("loss")
    assert steps.tolist() == list(range(len(steps))) and len(steps) > acknowledged
    assert values.tolist() == [1 / (step + 1) for step in range(len(steps))]
    assert (logs.status, logs.damaged) == ("killed", 0)

    for one in Order.load(run).followed:  # what a follower that is started again does
        hand_over(run, one.build(), print, memory_of(run, one.name))
    shutil.move(run / "tensorboard", tmp_path / "elsewhere")
    (told,) = import_runs(tmp_path / "elsewhere", tmp_path / "again")
    steps, there = history(tmp_path / "again" / told.name).scalar("loss")
    assert told.is_whole and steps.tolist() == list(range(len(values)))
    assert there == pytest.approx(values, rel=1e-6)


ON_A_FULL_DISK = """
import json, os, sys
import whet.track as track
from whet.track.reading.catalogue import runs
from whet.track.reading.store import history

root = sys.argv[1]
run = track.init(id="run", dir=root, tee="tensorboard")
for step in range(100):
    run.log({"loss": float(step)})
with open(root + "/filler", "wb", buffering=0) as filler:
    for size in (4096, 1):
        try:
            while filler.write(b"x" * size) == size:
                pass
        except OSError:
            pass
for step in range(100, 400):
    run.log({"loss": float(step)})
    print("said to the console", step)
run.log({"page": track.Html("x" * 10_000)}, step=399)
run.log_artifact(__file__, name="script")
listed = [one.status for one in runs(root)]
full = run.dropped
os.unlink(root + "/filler")
for step in range(400, 500):
    run.log({"loss": float(step)}, step)
run.finish()
logs = history(run.path)
steps, values = logs.scalar("loss")
told = {"steps": steps.tolist(), "values": values.tolist(), "full": full, "dropped": logs.dropped, "listed": listed,
        "status": logs.status, "damaged": logs.damaged, "curve": logs.scalar("tracker/dropped")[1].tolist()}
with open(sys.argv[2], "w") as file:
    json.dump(told, file)
"""


def test_a_disk_that_is_full_stops_no_script_and_what_did_not_fit_is_counted(tmp_path):
    disk, out, script = tmp_path / "disk", tmp_path / "told.json", tmp_path / "script.py"
    disk.mkdir()
    script.write_text(ON_A_FULL_DISK)
    words = f'mount -t tmpfs -o size=1m none "{disk}" && exec "{sys.executable}" "{script}" "{disk}" "{out}"'
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    try:
        done = subprocess.run(["unshare", "-rm", "sh", "-c", words], env=environment, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("there is no unshare")
    if "unshare" in done.stderr or "mount" in done.stderr:
        pytest.skip("no file system can be mounted here")
    assert done.returncode == 0, done.stderr
    told = json.loads(out.read_text())
    lost = 500 - len(told["steps"])
    assert (
        100 < lost < 300 and told["steps"][:100] == list(range(100)) and told["steps"][-100:] == list(range(400, 500))
    )
    assert told["values"] == [float(step) for step in told["steps"]]
    assert told["full"] == lost + 2 and told["curve"] == [told["full"]]  # the page and the artifact as well
    assert (told["status"], told["dropped"], told["damaged"], told["listed"]) == ("done", told["full"], 0, ["running"])
    assert sum("drops records" in line for line in done.stderr.splitlines() if "r0.a1.tlog" in line) == 1


def test_many_runs_that_end_in_one_moment_are_listed_as_they_ended(tmp_path):
    code = (
        "import sys, whet.track as track\n"
        "for number in range(20):\n"
        "    track.init(id=f'{sys.argv[2]}-{number}', dir=sys.argv[1], reinit='create_new').log({'loss': 1.0})\n"
        "print('ready', flush=True); sys.stdin.read()"
    )
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "WHET_RECORD": "never"}
    scripts = [
        subprocess.Popen(
            [sys.executable, "-c", code, tmp_path, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
        )
        for name in "ab"
    ]
    for script in scripts:
        assert script.stdout is not None and script.stdout.readline() == b"ready\n"
    assert [run.status for run in runs(tmp_path)] == ["running"] * 40
    scripts[0].kill()
    scripts[0].wait()
    scripts[1].communicate()
    assert {(run.name[0], run.status) for run in runs(tmp_path)} == {("a", "killed"), ("b", "done")}
