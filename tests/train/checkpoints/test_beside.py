"""Checkpoints that are written while training goes on hold what was there when they were begun, or do not exist."""

from __future__ import annotations

import os
import signal
import threading
import time
from functools import partial

import pytest
import torch

from tests.nursery import Child
from tests.ranks import on_ranks
from tests.tiny import config
from tests.train.checkpoints.test_checkpoint import Run
from tests.train.test_resume import losses
from whet.base.config import from_mapping
from whet.base.errors import RunError
from whet.parallel.world import World
from whet.train.api import resume, train
from whet.train.checkpoints.commit import Committer
from whet.train.checkpoints.places import complete


@pytest.fixture
def held(monkeypatch):
    """Writing begins once this is set."""
    go, real = threading.Event(), Committer.write

    def write(*arguments):
        assert go.wait(30)
        return real(*arguments)

    monkeypatch.setattr(Committer, "write", write)
    return go


def test_it_holds_the_values_of_its_step_whatever_is_learned_meanwhile(tmp_path, held):
    run = Run(tmp_path)
    run.learn(2)
    expected = run.weights()
    run.checkpoints.begin(2)
    run.learn(3)
    assert run.checkpoints.is_under_way and not run.checkpoints.has_written and complete(tmp_path) == []
    held.set()
    assert run.checkpoints.settle().name == "step-00000002" and not run.checkpoints.is_under_way
    again = Run(tmp_path)
    assert again.checkpoints.restore() == 2 and again.progress.step == 2
    assert torch.equal(again.weights(), expected)
    again.learn(3)
    assert torch.equal(again.weights(), run.weights()), "the optimizer's state is that of step 2"


def test_one_is_under_way_at_a_time_and_memory_is_used_again(tmp_path):
    run = Run(tmp_path)
    places = []
    for step in (1, 2):
        run.learn(1)
        run.checkpoints.begin(step)
        places.append({name: place.data_ptr() for name, place in run.checkpoints._staging._held.items()})
    assert [p.name for p in complete(tmp_path)][0] == "step-00000001", "the second waited for the first"
    assert run.checkpoints.settle().name == "step-00000002" and run.checkpoints.settle() is None
    assert places[0] == places[1] and places[0]


def test_a_disk_that_refuses_is_told_when_it_is_asked_for_and_the_one_before_stays(tmp_path, monkeypatch):
    run = Run(tmp_path)
    run.learn(1)
    run.checkpoints.save(1)

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Committer, "write", full)
    run.checkpoints.begin(2)
    with pytest.raises(RunError, match="step-00000001, is whole"):
        run.checkpoints.settle()
    assert [p.name for p in tmp_path.iterdir() if p.is_dir()] == ["step-00000001"]


def on_two_ranks(folder):
    world = World.start("cpu", 60)
    run = Run(folder, world)
    run.learn(2)
    expected = run.weights()
    run.checkpoints.begin(2)
    run.learn(2)  # collectives of the loop, beside those of the writing
    run.checkpoints.settle()
    again = Run(folder, world)
    again.checkpoints.restore()
    found = torch.equal(again.weights(), expected)
    world.close()
    return found


@pytest.mark.ranks
def test_ranks_write_beside_their_collectives(tmp_path):
    assert on_ranks(2, on_two_ranks, tmp_path) == [True, True]


def killed_while_writing(settings) -> None:
    """Train until the second checkpoint is being written beside, and die there."""
    real = Committer.finish

    def finish(checkpoints, *arguments):
        if complete(checkpoints._folder):
            os.kill(os.getpid(), signal.SIGKILL)
        real(checkpoints, *arguments)

    Committer.finish = finish
    train(from_mapping(settings))


def test_a_kill_while_one_is_written_leaves_the_one_before_and_the_same_curve(tmp_path):
    how = {"async_checkpoint": True, "checkpoint_every": 3}
    whole, ended = train(from_mapping(config(tmp_path, name="whole", train=how)))
    assert ended.outcome == "done" and len(complete(whole.checkpoints)) == 2
    assert Child(partial(killed_while_writing, config(tmp_path, name="killed", train=how))).wait() is None
    folder = tmp_path / "runs" / "killed"
    assert [path.name for path in complete(folder / "checkpoints")] == ["step-00000003"]
    assert resume(folder)[1].outcome == "done"
    plain, _ = train(from_mapping(config(tmp_path, name="plain")))
    assert losses(folder) == losses(whole.path) == losses(plain.path)


def test_the_end_waits_for_what_is_under_way(tmp_path, monkeypatch):
    real = Committer.finish

    def slowly(checkpoints, *arguments):
        time.sleep(0.05)
        real(checkpoints, *arguments)

    monkeypatch.setattr(Committer, "finish", slowly)
    how = {"async_checkpoint": True, "checkpoint_every": 1, "steps": 3}
    folder, _ = train(from_mapping(config(tmp_path, name="last", train=how)))
    assert [path.name for path in complete(folder.checkpoints)] == ["step-00000002", "step-00000003"]
    assert not list(folder.checkpoints.glob("*.partial"))
