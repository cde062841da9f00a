"""Exact resume (law 3): a run that is killed anywhere ends with the loss bits of one that never was."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from functools import partial
from importlib import import_module

import pytest

from tests.nursery import Child
from tests.ranks import on_ranks
from tests.tiny import config
from whet.base.config import from_mapping
from whet.train.api import resume, train
from whet.train.checkpoints.places import complete


def losses(folder) -> dict[int, float]:
    """The loss of each step as the last attempt wrote it, to the last bit."""
    found = {}
    for line in (folder / "records.jsonl").read_text().splitlines():
        record = json.loads(line)
        if record["kind"] == "step":
            found[record["step"]] = record["metrics"]["loss"]
    return found


def start(settings):
    folder, ended = train(from_mapping(settings))
    return str(folder.path), ended.outcome, ended.step


def resumed(run):
    folder, ended = resume(run)
    return str(folder.path), ended.outcome, ended.step


@pytest.fixture(scope="module")
def expected(tmp_path_factory) -> dict[int, float]:
    """The losses of a run that is never killed."""
    folder = tmp_path_factory.mktemp("unbroken")
    assert start(config(folder, name="whole"))[1] == "done"
    found = losses(folder / "runs" / "whole")
    assert len(found) == 12
    return found


def num_steps(folder) -> int:
    """Steps that all attempts together have written so far."""
    records = folder / "records.jsonl"
    return records.read_text().count('"kind": "step"') if records.exists() else 0


def run_with_kills(tmp_path, name, rng, **sections):
    """Start, kill some steps later at a random instant, continue, twice; then let the last attempt end.

    Counted in steps and not in seconds, so that the kills fall inside the run on any machine. Returns how many hit.
    """
    sections["train"] = {"checkpoint_every": 3, **sections.get("train", {})}
    settings, folder, hits = config(tmp_path, name=name, **sections), tmp_path / "runs" / name, 0
    for attempt in range(3):
        child = Child(partial(start, settings) if attempt == 0 else partial(resumed, folder))
        if attempt < 2:
            goal, until = num_steps(folder) + rng.randint(1, 4), time.monotonic() + 60
            while num_steps(folder) < goal and time.monotonic() < until:
                time.sleep(0.002)
            time.sleep(rng.uniform(0, 0.05))
            child.kill()
        ended = child.wait()
        hits += ended is None
    assert ended[1] == "done"
    return hits


def test_a_run_killed_at_random_instants_ends_with_the_same_bits(tmp_path, expected):
    assert run_with_kills(tmp_path, "killed", random.Random(5)), "the kills fell after the run"
    assert losses(tmp_path / "runs" / "killed") == expected


def killed_while_saving(settings, folder, module, name):
    """Train until the function of a module is called for the second checkpoint, and die there."""
    module = import_module(module)
    real = getattr(module, name)

    def call(*arguments, **named):
        if complete(folder / "checkpoints"):
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **named)

    setattr(module, name, call)
    return start(settings)


def test_a_kill_inside_a_checkpoint_write_loses_nothing_of_the_one_before(tmp_path, expected):
    tensors, files = "torch.distributed.checkpoint.filesystem", "whet.train.checkpoints.commit"
    for module, name in ((tensors, "_write_item"), (files, "write_atomically"), (files, "_sync_folder")):
        settings, folder = config(tmp_path, name=name), tmp_path / "runs" / name
        killed = Child(partial(killed_while_saving, settings, folder, module, name))
        assert killed.wait() is None, "it was not killed"
        assert len(complete(folder / "checkpoints")) == 1
        assert Child(partial(resumed, folder)).wait()[1] == "done"
        assert losses(folder) == expected


def test_sigterm_saves_and_the_run_goes_on_where_it_stopped(tmp_path, expected):
    settings, folder = config(tmp_path, name="stopped"), tmp_path / "runs" / "stopped"
    _, outcome, step = Child(partial(stop_after, settings, 3, by_signal)).wait()
    assert (outcome, step) == ("stopped", 4)  # what is asked between two steps is heard by the second
    assert complete(folder / "checkpoints")[-1].name == "step-00000004"
    assert Child(partial(resumed, folder)).wait()[1] == "done"
    assert losses(folder) == expected


@pytest.mark.ranks
def test_two_ranks_train_like_one_and_continue_on_either(tmp_path, expected):
    settings = config(tmp_path, name="pair", train={"steps": 12})
    stopped = config(tmp_path, name="half", evaluate={"early_stop": None})
    assert [r[1] for r in on_ranks(2, start, settings)] == ["done", "done"]
    pair = losses(tmp_path / "runs" / "pair")
    assert pair == pytest.approx(expected, rel=1e-5)
    folder = tmp_path / "runs" / "half"
    on_ranks(2, stop_after, stopped, 5, by_file)
    assert Child(partial(resumed, folder)).wait()[1] == "done"
    assert losses(folder) == pytest.approx(expected, rel=1e-5)


def stop_after(settings, step, ask):
    """Train, and `ask` for a stop once `step` is reached."""
    from whet.train.loop import Loop

    real = Loop._record

    def record(loop, *arguments):
        real(loop, *arguments)
        if loop.progress.step == step and loop.world.is_writer:
            ask(loop)

    Loop._record = record
    return start(settings)


def by_file(loop):
    loop.controls._path.write_text("stop")


def by_signal(loop):
    os.kill(os.getpid(), signal.SIGTERM)
