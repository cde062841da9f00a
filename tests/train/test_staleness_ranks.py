"""Rollouts made while others are learned from, on several ranks: each keeps its part of the weights until its turn."""

from __future__ import annotations

import json
import shutil
import threading

import pytest
import torch

from tests.ranks import on_ranks
from tests.tiny import config, conversations, write_rows
from tests.train.test_rollouts import bits, going, settings
from tests.train.test_staleness import PATIENCE_S, stalled
from whet.base.config import from_mapping
from whet.generate.serving.offline import Offline
from whet.kernels.layout import local
from whet.train.api import resume, train
from whet.train.build import assemble

ROLLOUT = {"staleness": 1, "updates": 1, "passes": 1}
AHEAD = {"rollout": ROLLOUT, "optimizer": {"lr": 1e-2}, "train": {"device": "cpu"}}
SHORT = {**AHEAD, "train": {"device": "cpu", "steps": 3}}

SHOWN = ("loss", "grad_norm", "reward", "length", "staleness", "drift")


def of_rank(folder, name, **sections):
    found = going(folder, name, **{**AHEAD, **sections})
    return {step: [m[k] for k in SHOWN] for step, m in found.items()}


def assert_close(found, expected):
    assert found.keys() == expected.keys()
    for step, numbers in found.items():
        assert numbers == pytest.approx(expected[step], rel=1e-4, abs=2e-6), step


@pytest.mark.ranks
def test_two_ranks_answer_ahead_with_what_one_process_does(tmp_path):
    expected = of_rank(tmp_path, "one")
    assert expected[3][-1] > 1e-3  # old weights answered
    for found in on_ranks(2, of_rank, tmp_path, "two"):
        assert_close(found, expected)


def stalled_on_one(folder):
    """Rank 1's answers stall once, in the rollout that is made while rank 0 learns."""
    rollout = {**ROLLOUT, "timeout_s": PATIENCE_S, "restarts": 1}
    built = assemble(from_mapping(settings(folder, "stalled", **SHORT | {"rollout": rollout})))
    real, is_first, again = Offline.answers, [True], threading.Event()

    def answers(offline, *given, **named):
        name = threading.current_thread().name
        if name == "whet-rollout-1" and built.world.index("data") == 1 and is_first.pop():
            stalled(built, 1)
            assert again.wait(PATIENCE_S)
        if name == "whet-rollout-1-try-2":
            again.set()
        return real(offline, *given, **named)

    Offline.answers = answers
    built.loop.run()
    for sink in built.sinks:
        sink.close()
    return {step: [m[k] for k in SHOWN] for step, m in bits(built.folder.path).items()}, is_first


@pytest.mark.ranks
def test_a_rank_that_stalls_ahead_begins_anew_alone(tmp_path, capfd):
    expected = of_rank(tmp_path, "one", **SHORT)
    found = on_ranks(2, stalled_on_one, tmp_path)
    assert [left for _, left in found] == [[True], []]
    for numbers, _ in found:
        assert_close(numbers, expected)
    assert capfd.readouterr().err.count("begun anew (1 of 1)") == 1


def broken(folder, name):
    """A checkpoint with a round on its way, made by whichever ranks there are; training went on for a step."""
    built = assemble(from_mapping(settings(folder, name, **AHEAD)))
    built.loop.cadence = built.loop.cadence.__class__(1, 3, 100)
    for _ in range(4):
        built.loop.advance(built.loop.source.next(built.loop.progress.step))
    built.world.wait()


def resumed(folder, name):
    path = resume(folder / "runs" / name)[0].path
    return {step: [m[k] for k in SHOWN] for step, m in bits(path).items()}


@pytest.mark.slow
@pytest.mark.ranks
def test_what_is_on_its_way_is_taken_on_by_as_many_ranks_and_by_fewer(tmp_path):
    whole = on_ranks(2, of_rank, tmp_path, "whole")[0]
    on_ranks(2, broken, tmp_path, "same")
    shutil.copytree(tmp_path / "runs" / "same", tmp_path / "runs" / "fewer")
    (stored,) = (tmp_path / "runs" / "same" / "checkpoints").glob("step-*/state.json")
    ahead = json.loads(stored.read_text())["parts"]["source"]["ahead"]
    assert [[a["number"] for a in played["share"]["answered"]] for played in ahead.values()] == [[0, 1, 2, 3]]
    assert on_ranks(2, resumed, tmp_path, "same")[0] == whole  # to the bit
    assert_close(resumed(tmp_path, "fewer"), whole)


def weights_of(taken):
    """Of the model that one process answers with, or of the shards that ranks do."""
    return dict(taken.named_parameters()) if isinstance(taken, torch.nn.Module) else taken.weights


def adapted(folder, name):
    """The numbers of a run with an adapter, and whether of frozen weights what is kept is the same memory."""
    made = settings(folder, name, tuner={"kind": "lora", "rank": 4}, **SHORT)
    built = assemble(from_mapping({**made, "model": {"path": str(folder / "runs" / "base" / "model")}}))
    take = built.supply.source.making.asking.player.take
    one, two = weights_of(take()), weights_of(take())
    shared = [n for n, p in one.items() if local(p).data_ptr() == local(two[n]).data_ptr()]
    trained = [n for n, p in built.loaded.module.named_parameters() if p.requires_grad]
    built.loop.run()
    for sink in built.sinks:
        sink.close()
    found = {step: [m[k] for k in SHOWN] for step, m in bits(built.folder.path).items()}
    return found, sorted(shared + trained) == sorted(n for n, _ in built.loaded.module.named_parameters())


@pytest.mark.slow
@pytest.mark.ranks
def test_adapters_on_two_ranks_share_the_gathered_base(tmp_path):
    write_rows(tmp_path / "rows.jsonl", conversations(4))
    train(from_mapping(config(tmp_path, name="base", train={"steps": 1})))
    expected, _ = adapted(tmp_path, "one")
    for found, is_shared in on_ranks(2, adapted, tmp_path, "two"):
        assert is_shared
        assert_close(found, expected)
