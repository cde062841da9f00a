"""Exact resume (law 3): a run that is killed anywhere ends with the loss bits of one that never was."""

from __future__ import annotations

import json
import os
import random
import signal
import time

import pytest

from tests.ranks import Child, on_ranks
from tests.tiny import config
from whet.base.config import from_mapping
from whet.train.api import resume, train
from whet.train.checkpoint import complete


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


def unbroken(tmp_path, **sections):
    settings = config(tmp_path, name="whole", **sections)
    assert Child(lambda: start(settings)).wait()[1] == "done"
    return losses(tmp_path / "runs" / "whole")


def run_with_kills(tmp_path, name, delays, **sections):
    """Start, kill after each delay, continue, and let the last attempt end. Returns the number of kills that hit."""
    settings = config(tmp_path, name=name, **sections)
    folder, hits = tmp_path / "runs" / name, 0
    for delay in [*delays, None]:
        begun = (folder / "config.yaml").exists()
        child = Child((lambda: resume(folder)[1].outcome) if begun else (lambda: start(settings)[1]))
        if delay is not None:
            time.sleep(delay)
            child.kill()
        outcome = child.wait()
        hits += outcome is None
        if outcome == "done":
            break
    assert outcome == "done"
    return hits


def test_runs_killed_at_random_instants_end_with_the_same_bits(tmp_path):
    expected = unbroken(tmp_path)
    assert len(expected) == 12
    rng, hits = random.Random(5), 0
    for number in range(3):
        name = f"killed-{number}"
        hits += run_with_kills(tmp_path, name, [rng.uniform(0.05, 1.2) for _ in range(3)])
        assert losses(tmp_path / "runs" / name) == expected
    assert hits >= 3, "the kills fell before or after the runs; make them longer"


def killed_while_saving(settings, at_write):
    """Train until the `at_write`-th write into a checkpoint's folder, and die in it."""
    import torch.distributed.checkpoint.filesystem as filesystem

    import whet.train.checkpoint as checkpoint

    counted = [0]

    def die_at(real):
        def write(*arguments, **named):
            counted[0] += 1
            if counted[0] == at_write:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **named)

        return write

    filesystem._write_item = die_at(filesystem._write_item)
    checkpoint.write_atomically = die_at(checkpoint.write_atomically)
    checkpoint.os.rename = die_at(os.rename)
    return start(settings)


def test_a_kill_inside_a_checkpoint_write_loses_nothing_of_the_one_before(tmp_path):
    expected = unbroken(tmp_path)
    writes = 60
    for at_write in (70, 90, 131):
        name = f"saving-{at_write}"
        settings = config(tmp_path, name=name)
        folder = tmp_path / "runs" / name
        assert Child(lambda s=settings, w=at_write: killed_while_saving(s, w)).wait() is None, "it was not killed"
        assert complete(folder / "checkpoints"), f"the first checkpoint takes about {writes} writes"
        assert Child(lambda f=folder: resume(f)[1].outcome).wait() == "done"
        assert losses(folder) == expected


def test_sigterm_saves_and_the_run_goes_on_where_it_stopped(tmp_path):
    expected = unbroken(tmp_path)
    settings = config(tmp_path, name="stopped")
    child = Child(lambda: start(settings))
    records = tmp_path / "runs" / "stopped" / "records.jsonl"
    while not (records.exists() and '"step"' in records.read_text()):
        time.sleep(0.01)
    child.kill(signal.SIGTERM)
    _, outcome, step = child.wait()
    assert outcome in {"stopped", "done"}
    assert complete(tmp_path / "runs" / "stopped" / "checkpoints")[-1].name == f"step-{step:08d}"
    if outcome == "stopped":
        assert Child(lambda: resume(tmp_path / "runs" / "stopped")[1].outcome).wait() == "done"
    assert losses(tmp_path / "runs" / "stopped") == expected


@pytest.mark.ranks
def test_two_ranks_train_like_one_and_continue_on_either(tmp_path):
    expected = unbroken(tmp_path)
    settings = config(tmp_path, name="pair", train={"steps": 12})
    stopped = config(tmp_path, name="half", evaluate={"early_stop": None})
    assert [r[1] for r in on_ranks(2, start, settings)] == ["done", "done"]
    pair = losses(tmp_path / "runs" / "pair")
    assert pair == pytest.approx(expected, rel=1e-5)
    folder = tmp_path / "runs" / "half"
    on_ranks(2, stop_after, stopped, 5)
    assert Child(lambda: resume(folder)[1].outcome).wait() == "done"
    assert losses(folder) == pytest.approx(expected, rel=1e-5)


def stop_after(settings, step):
    """Train, and ask for a stop once `step` is reached."""
    from whet.train.loop import Loop

    real = Loop._record

    def record(loop, *arguments):
        real(loop, *arguments)
        if loop.progress.step == step and loop.world.leads:
            loop.controls._path.write_text("stop")

    Loop._record = record
    return start(settings)
