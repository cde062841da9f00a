"""A run whose rank is killed at any step is begun anew by itself, and gives the curve of one that nobody killed."""

from __future__ import annotations

import json
import os
import random
import signal
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pytest

from tests.ranks import Child, on_ranks
from tests.tiny import config
from tests.train.test_resume import losses
from whet.base.config import from_mapping
from whet.train.api import resume, train
from whet.train.build import assemble
from whet.train.loop import Loop
from whet.train.ranks.launcher import Launcher

pytest.importorskip("transformers.models.llama.modeling_llama")
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
