"""One attempt at a time: a run that is running is not started again, and a killed one lets go."""

from __future__ import annotations

import os
import signal
import time
from functools import partial

import pytest

from tests.nursery import Child
from tests.tiny import config
from whet.base.config import from_mapping
from whet.base.errors import RunError
from whet.track.reading.store import history
from whet.train.api import resume
from whet.train.build import assemble
from whet.train.run.folder import RunFolder
from whet.train.run.lock import RunLock


def holding(folder):
    lock = RunLock.take(folder)
    while lock:
        time.sleep(0.01)


def until_held(folder):
    for _ in range(1000):
        if (folder / "lock").exists() and (folder / "lock").read_text():
            return
        time.sleep(0.01)


@pytest.mark.case("A17")
def test_a_second_attempt_is_told_who_runs_and_a_kill_lets_go(tmp_path):
    child = Child(partial(holding, tmp_path))
    until_held(tmp_path)
    with pytest.raises(RunError, match=rf"running already \(pid {child.pid} on {os.uname().nodename}\)") as told:
        RunLock.take(tmp_path)
    assert "whet show" in told.value.hint
    child.kill(signal.SIGKILL)
    child.wait()
    RunLock.take(tmp_path).release()


def test_a_forked_child_does_not_keep_the_lock(tmp_path):
    lock = RunLock.take(tmp_path)
    if (pid := os.fork()) == 0:  # of the process that holds the lock
        signal.pause()
    lock.release()
    RunLock.take(tmp_path).release()
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


@pytest.mark.parametrize("content", ["", "[1]", '{"pid": "x"}', "\0" * 8])
def test_a_damaged_lock_is_still_a_lock(tmp_path, content):
    lock = RunLock.take(tmp_path)
    (tmp_path / "lock").write_text(content)
    with pytest.raises(RunError, match="is running already") as told:
        RunLock.take(tmp_path)
    assert "pid" not in told.value.message
    lock.release()
    RunLock.take(tmp_path).release()


@pytest.mark.case("A17")
def test_a_run_that_is_running_is_not_continued_and_not_begun_again(tmp_path):
    track = {"folder": str(tmp_path / "runs"), "sinks": ["log"]}
    settings = config(tmp_path, name="once", train={"steps": 3}, track=track)
    built = assemble(from_mapping(settings))
    folder = built.folder.path
    built.loop.advance(built.loop.source.next(0))
    files = sorted(folder.rglob("*"))
    with pytest.raises(RunError, match="running already"):
        resume(folder)
    with pytest.raises(RunError, match="exists already"):
        assemble(from_mapping(settings))
    assert history(folder).status == "running" and sorted(folder.rglob("*")) == files
    assert built.loop.run().outcome == "done"
    built.close()
    assert history(folder).status == "done"


@pytest.mark.case("A17")
def test_of_two_that_begin_a_run_of_one_name_at_once_one_is_refused(tmp_path, monkeypatch):
    settings = config(tmp_path, name="once", train={"steps": 3})
    taken = []
    refuse = RunFolder.refuse_taken

    def both_are_through_the_door(run, folder=None):
        found = refuse(run, folder)
        if not taken and folder is None:
            taken.append(None)
            taken[0] = assemble(from_mapping(settings))  # the other begins meanwhile
        return found

    monkeypatch.setattr(RunFolder, "refuse_taken", both_are_through_the_door)
    with pytest.raises(RunError, match="running already|exists already"):
        assemble(from_mapping(settings))
    assert taken[0].loop.run().outcome == "done"
    taken[0].close()
