"""A run is pushed while its script writes it, and a script does not wait for its server."""

import os
import subprocess
import sys
import time
from pathlib import Path

import whet.track as track
from tests.server.push.pushing import assert_same
from tests.server.world import TOKEN, serving
from tests.track.runs import records, write
from whet.track.reading.catalogue import runs
from whet.track.reading.store import history

SCRIPT = """
import os, time
import whet.track as track
run = track.init(name="live", dir={root!r})
for step in range(200):
    run.log({{"loss": 1.0 / (step + 1)}}, step=step)
    time.sleep(0.002)
print("up", flush=True)
input()
os.kill(os.getpid(), 9)
"""


def test_a_run_is_pushed_while_it_is_written_and_after_its_kill(here: Path, there: Path, monkeypatch):
    with serving(there) as server:
        own = {**os.environ, "WHET_SERVER": server.url, "WHET_TOKEN": TOKEN, "WHET_RECORD": ""}
        script = subprocess.Popen(
            [sys.executable, "-c", SCRIPT.format(root=str(here))], env=own,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert script.stdout.readline() == "up\n"
        until = time.monotonic() + 60
        while not (runs(there) and runs(there)[0].step == 199):
            assert time.monotonic() < until, (here / "live/push.log").read_text()
            time.sleep(0.05)
        assert runs(there)[0].status == "running"  # the server holds the log as its writer does
        script.communicate("go\n")
        notes = here / "live" / "push.log"
        while not notes.exists() or "pushed to" not in notes.read_text():
            assert time.monotonic() < until
            time.sleep(0.05)
        assert_same(here / "live", there / "live")
    assert runs(there)[0].status == "killed"


def test_a_training_is_pushed_by_its_log_and_by_one_rank_alone(here: Path, there: Path, monkeypatch):
    with serving(there) as server:
        monkeypatch.setenv("WHET_SERVER", server.url)
        monkeypatch.setenv("WHET_TOKEN", TOKEN)
        monkeypatch.setenv("RANK", "1")
        write(here / "second", records())
        monkeypatch.setenv("RANK", "0")
        write(here / "trained", records())
        notes, until = here / "trained" / "push.log", time.monotonic() + 60
        while not notes.exists():
            assert time.monotonic() < until
            time.sleep(0.05)
        assert_same(here / "trained", there / "trained")
    assert [run.name for run in runs(there)] == ["trained"] and not (here / "second/push.log").exists()


def test_a_server_that_is_not_there_neither_stops_nor_slows_a_script(here: Path, monkeypatch):
    monkeypatch.setenv("WHET_SERVER", "http://127.0.0.1:9")
    monkeypatch.delenv("WHET_TOKEN", raising=False)
    monkeypatch.setenv("WHET_KEYRING", str(here / "none.toml"))
    with track.init(name="alone", dir=here, reinit="create_new") as run:
        run.log({"loss": 1.0})
    notes, until = here / "alone" / "push.log", time.monotonic() + 30
    while not notes.exists() or "there is no token" not in notes.read_text():  # it is made before it is written
        assert time.monotonic() < until
        time.sleep(0.05)
    assert history(here / "alone").status == "done"
