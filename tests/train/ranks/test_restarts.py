"""A run whose rank is killed at any step is begun anew by itself, and gives the curve of one that nobody killed."""

from __future__ import annotations

import json
import os
import random
import signal
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from tests.nursery import Child
from tests.ranks import on_ranks
from tests.tiny import config
from tests.train.test_resume import losses
from whet.base.config import from_mapping
from whet.train.api import resume, train
from whet.train.build import assemble
from whet.train.loop import Loop
from whet.train.ranks.launcher import Launcher
from whet.train.step.executor import DataParallel

STEPS, RANKS = 6, 2


def settings(folder: Path, name: str):
    return config(folder, name=name, train={"steps": STEPS, "checkpoint_every": 2}, parallel={"timeout_s": 60})


def killed_at(rank: int, step: int) -> None:
    """Have this process die in the middle of a step, if it is that rank."""
    real = Loop.advance

    def advance(loop, given):
        if loop.progress.step == step and loop.world.index("all") == rank:
            loop.source.dealt(given, loop.dealer)
            os.kill(os.getpid(), signal.SIGKILL)
        return real(loop, given)

    Loop.advance = advance


def begun(folder: Path, name: str, killed: tuple[int, int]) -> int:
    """A rank's exit code."""
    killed_at(*killed)
    return int(train(from_mapping(settings(folder, name)))[1].outcome != "done")


def unbroken(folder: Path, name: str) -> None:
    """A rank of a run that nobody kills, without its model folder."""
    built = assemble(from_mapping(settings(folder, name)))
    built.loop.run()
    built.close()


def gone_on(run: Path) -> int:
    return int(resume(run)[1].outcome != "done")


def launched(work: Callable[[], int]) -> int:
    """The exit code of a launcher whose ranks do `work`, and go on with the run once."""
    return Launcher(RANKS, 1, started(work), lambda run: started(partial(gone_on, run))).run()


def started(work: Callable[[], int]) -> Callable[[int, Mapping[str, str]], Child]:
    return lambda number, environment: Child(work, environment)


@pytest.mark.ranks
@pytest.mark.case("D10")
@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (2, 3))])
def test_a_rank_killed_at_a_random_step_costs_nothing_but_time(tmp_path, capfd, seed):
    config(tmp_path)
    draw = random.Random(seed)
    rank, step = draw.randrange(RANKS), draw.randrange(1, STEPS)
    on_ranks(RANKS, unbroken, tmp_path, "whole")
    assert launched(partial(begun, tmp_path, "killed", (rank, step))) == 0
    killed = tmp_path / "runs" / "killed"
    assert losses(killed) == losses(tmp_path / "runs" / "whole") and len(losses(killed)) == STEPS
    assert f"rank {rank} of {RANKS} was killed: signal SIGKILL" in capfd.readouterr().err
    records = [json.loads(line) for line in (killed / "records.jsonl").read_text().splitlines()]
    began = f"begun anew from {f'step {step // 2 * 2}' if step > 1 else 'the beginning'}"
    assert any(one["kind"] == "notice" and began in one["text"] for one in records)
    assert (killed / "model").exists() and not list((killed / "pulse").glob("*.json"))


def without_memory(rank: int, step: int, fits: int) -> None:
    """Have a rank run out of memory between the forward and the backward pass of a step whose micro-batches are larger
    than those that fit: the other one waits in a sum of its backward pass."""
    real = DataParallel._accumulate

    def accumulate(executor, index, batches, *given):
        is_full = index == step and executor.world.index("all") == rank and batches[0].num_tokens > fits
        return real(
            replace(executor, objective=_Full(executor.objective)) if is_full else executor, index, batches, *given
        )

    DataParallel._accumulate = accumulate


class _Full:
    """An objective whose terms are as large as those of another, and the memory is full once they are there."""

    def __init__(self, objective) -> None:
        self._objective = objective

    def __getattr__(self, name):
        return getattr(self._objective, name)

    def __call__(self, *given):
        self._objective(*given)
        raise torch.OutOfMemoryError("no memory")


def large(folder: Path, name: str):
    train = {"steps": STEPS, "checkpoint_every": 2, "batch_tokens": 480, "micro_batch": 240}
    return config(folder, name=name, train=train, parallel={"timeout_s": 60})


def begun_full(folder: Path, name: str) -> int:
    without_memory(1, 3, 64)
    return int(train(from_mapping(large(folder, name)))[1].outcome != "done")


def gone_on_full(run: Path) -> int:
    without_memory(1, 3, 64)
    return gone_on(run)


def never_full(folder: Path, name: str) -> None:
    built = assemble(from_mapping(large(folder, name)))
    built.loop.run()
    built.close()


@pytest.mark.ranks
def test_ranks_take_fewer_tokens_at_once_when_one_of_them_is_out_of_memory_and_the_losses_are_the_same(tmp_path, capfd):
    config(tmp_path)
    on_ranks(RANKS, never_full, tmp_path, "whole")
    start = started(partial(begun_full, tmp_path, "full"))
    assert Launcher(RANKS, 0, start, lambda run: started(partial(gone_on_full, run))).run() == 0
    full = tmp_path / "runs" / "full"
    assert losses(full) == pytest.approx(losses(tmp_path / "runs" / "whole"), rel=1e-5)
    said = capfd.readouterr().err
    assert "out of GPU memory in step 4 with micro-batches of 240 tokens: they are now 120" in said
    assert "with micro-batches of 120 tokens: they are now 60" in said
    records = [json.loads(line) for line in (full / "records.jsonl").read_text().splitlines()]
    begun = [one["text"] for one in records if one["kind"] == "notice" and "begun anew from step 2" in one["text"]]
    assert len(begun) == 2 and "they are now 60" in begun[1]
