"""A loss that spikes sends the run back past the batches that made it: to the bit, whoever is killed meanwhile."""

from __future__ import annotations

import json
from functools import partial

import pytest

from tests.tiny import config
from whet.base.config import from_mapping
from whet.base.errors import ConfigError, RunError
from whet.train import build
from whet.train.api import resume, train
from whet.train.checkpoints.places import complete, step_of
from whet.train.run import rollbacks as rolled
from whet.train.run.rollbacks import NAME, Rollback, decide, left_out, rollbacks
from whet.train.step.watchdog import Watchdog

STEPS, SPIKE = 9, 6
DOG = {"action": "rollback", "patience": 1, "skip": 1}


@pytest.fixture
def spiking(monkeypatch):
    """The loss of step 6 looks like a spike, whenever its batch is learned from. Gives the losses that were seen."""
    seen: list[float] = []

    def look(dog, loss, grad_norm):
        seen.append(loss)
        if len(seen) >= SPIKE and loss == seen[SPIKE - 1]:
            dog.num_odd = 1
            return f"loss {loss:.4g} has stayed far above its recent median"
        return None

    monkeypatch.setattr(Watchdog, "look", look)
    return seen


def settings(folder, name="back", **dog):
    watchdog = {**DOG, **dog}
    return config(folder, name=name, train={"steps": STEPS, "checkpoint_every": 2, "watchdog": watchdog, "keep": 9})


def told(folder):
    return [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]


def losses(folder):
    return {one["step"]: one["metrics"]["loss"] for one in told(folder) if one["kind"] == "step"}


def test_the_run_goes_back_leaves_the_batches_out_and_ends(tmp_path, spiking):
    folder, ended = train(from_mapping(settings(tmp_path)))
    assert ended.outcome == "done" and ended.step == STEPS and folder.model.exists()
    [one] = rollbacks(folder.path)
    assert (one.at, one.to, one.first, one.last) == (SPIKE, 4, 5, SPIKE)
    records = told(folder.path)
    assert [r["outcome"] for r in records if r["kind"] == "ended"] == ["rolled_back", "done"]
    texts = [r["text"] for r in records if r["kind"] == "notice"]
    assert any("went back from step 6 to 4: loss" in text and "steps 5 to 6 are left out" in text for text in texts)
    assert [r["step"] for r in records if r["kind"] == "step"] == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert len(spiking) == 6 + 3, "steps 5 and 6 were learned from again"


def test_it_is_as_if_the_batches_had_been_left_out_from_the_beginning(tmp_path, spiking, monkeypatch):
    """Every bit after the rollback is that of a run that knew it before."""
    folder, _ = train(from_mapping(settings(tmp_path)))
    built = build.assemble(from_mapping(settings(tmp_path, "known", action="off")))
    built.loop.left_out = left_out(rollbacks(folder.path))
    built.loop.run()
    built.close()
    known, found = losses(built.folder.path), losses(folder.path)
    assert known == {step: found[step] for step in known} and known.keys() == {1, 2, 3, 4, 7, 8, 9}


def test_a_run_that_ended_in_between_goes_on_in_the_same_way(tmp_path, spiking):
    whole, _ = train(from_mapping(settings(tmp_path, "whole")))
    spiking.clear()
    built = build.assemble(from_mapping(settings(tmp_path)))
    assert built.loop.run().outcome == "rolled_back"  # and there it is killed
    built.close()
    folder, ended = resume(built.folder.path)
    assert ended.outcome == "done" and losses(folder.path) == losses(whole.path)


class Killed(BaseException):
    """As SIGKILL: nothing of the run looks at it."""


@pytest.mark.parametrize("name", ["take_away", "write_atomically"])
@pytest.mark.parametrize("is_done", [False, True])
def test_a_run_that_is_killed_while_it_goes_back_goes_on_in_the_same_way(tmp_path, spiking, monkeypatch, name, is_done):
    """Also between what it takes away and what it writes down."""
    whole, _ = train(from_mapping(settings(tmp_path, "whole", skip=3)))
    spiking.clear()
    real = getattr(rolled, name)

    def killed(*given):
        if is_done:
            real(*given)
        raise Killed

    with monkeypatch.context() as once, pytest.raises(Killed):
        once.setattr(rolled, name, killed)
        train(from_mapping(settings(tmp_path, skip=3)))
    folder, ended = resume(tmp_path / "runs" / "back")
    found, known = losses(folder.path), losses(whole.path)
    known.pop(SPIKE)  # its step may not have been told any more
    assert ended.outcome == "done" and {step: found[step] for step in known} == known
    assert [one.first for one in rollbacks(folder.path)] == [3]
    damaged = [one["text"] for one in told(folder.path) if one["kind"] == "notice" and "is damaged" in one["text"]]
    assert not damaged


def test_checkpoints_of_after_the_spike_are_taken_away_and_without_any_it_begins_again(tmp_path):
    run, checkpoints = tmp_path / "run", tmp_path / "run" / "checkpoints"

    def write(*steps):
        for step in steps:
            folder = checkpoints / f"step-{step:08d}"
            folder.mkdir(parents=True)
            (folder / "manifest.json").touch()

    run.mkdir()
    assert decide(run, checkpoints, 3, 4, "why") == Rollback(4, 0, 3, 4, "why")
    write(4, 6, 8)
    assert decide(run, checkpoints, 7, 9, "why").to == 6
    assert [step_of(path) for path in complete(checkpoints)] == [4, 6]
    assert decide(run, checkpoints, 4, 5, "why") is None, "no checkpoint of before step 4 is left"
    assert left_out(rollbacks(run)) == {3, 4, 7, 8, 9}


def test_a_run_that_keeps_no_checkpoint_of_before_stops_and_says_so(tmp_path, spiking):
    given = settings(tmp_path, skip=4)
    given["train"]["keep"] = 1
    _, ended = train(from_mapping(given))
    assert ended.outcome == "failed" and "no checkpoint of before step 2 is kept" in ended.reason


def test_a_run_goes_back_so_often_and_no_more(tmp_path, monkeypatch):
    def look(dog, loss, grad_norm):
        dog.num_odd = 1
        return "loss is odd"

    monkeypatch.setattr(Watchdog, "look", look)
    _, ended = train(from_mapping(settings(tmp_path, rollbacks=2, skip=0)))
    assert ended.outcome == "failed" and "has gone back 2 times already" in ended.reason and ended.step == 2


def test_a_damaged_record_is_refused_with_what_to_type(tmp_path):
    decide(tmp_path, tmp_path / "checkpoints", 3, 4, "why")
    path = tmp_path / NAME
    path.write_text(path.read_text().replace("why", "how"))
    with pytest.raises(RunError) as refused:
        rollbacks(tmp_path)
    assert f"rm {path}" in str(refused.value.hint)


def test_rollouts_have_nothing_to_leave_out(tmp_path):
    given = settings(tmp_path) | {"objective": "grpo", "rewards": ["length"]}
    with pytest.raises(ConfigError, match="leaves out batches"):
        partial(build.assemble, from_mapping(given))()
