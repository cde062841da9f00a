"""A run whose rank is killed at any step is begun anew by itself, and gives the curve of one that nobody killed."""

from __future__ import annotations

import json
import os
import random
import signal
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.ranks import on_ranks
from tests.tiny import config
from tests.train.ranks.test_launcher import Forked
from tests.train.test_resume import losses
from whet.base.config import from_mapping
from whet.train.api import resume, train
from whet.train.loop import Loop
from whet.train.ranks.launcher import Launcher

pytest.importorskip("transformers.models.llama.modeling_llama")
STEPS, RANKS = 8, 2


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


def outcome(folder: Path, name: str) -> str:
    return train(from_mapping(settings(folder, name)))[1].outcome


@pytest.mark.ranks
@pytest.mark.case("D10")
@pytest.mark.slow  # ranks are forked, which a process that has run other tests is too full of threads for
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_rank_killed_at_a_random_step_costs_nothing_but_time(tmp_path, capfd, seed):
    config(tmp_path)
    draw = random.Random(seed)
    rank, step = draw.randrange(RANKS), draw.randrange(1, STEPS)
    assert on_ranks(RANKS, outcome, tmp_path, "whole") == ["done"] * RANKS

    def first(number: int, environment: Mapping[str, str]) -> Forked:
        def work() -> int:
            killed_at(rank, step)
            return int(outcome(tmp_path, "killed") != "done")

        return Forked(work, environment)

    def after(folder: Path):
        return lambda number, environment: Forked(lambda: int(resume(folder)[1].outcome != "done"), environment)

    assert Launcher(RANKS, 1, first, after).run() == 0
    killed = tmp_path / "runs" / "killed"
    assert losses(killed) == losses(tmp_path / "runs" / "whole") and len(losses(killed)) == STEPS
    assert f"rank {rank} of {RANKS} was killed: signal SIGKILL" in capfd.readouterr().err
    records = [json.loads(line) for line in (killed / "records.jsonl").read_text().splitlines()]
    began = f"begun anew from {f'step {step // 2 * 2}' if step > 1 else 'the beginning'}"
    assert any(one["kind"] == "notice" and began in one["text"] for one in records)
    assert (killed / "model").exists() and not list((killed / "pulse").glob("*.json"))
