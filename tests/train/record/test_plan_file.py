"""What plan.json calls measured is what steps take: their gradients at least and little more, however a run began."""

from __future__ import annotations

import json

import pytest
import torch

from tests.tiny import LLAMA, config
from whet.base.config import from_mapping
from whet.track.records import StepRecord
from whet.train.build import assemble
from whet.train.foreseen import example_batch
from whet.train.record.plan_file import PlanFile

# 9 million weights: gradients of 36 MB beside which what Python and libraries take is little, and state of 72 MB.
WIDE = {**LLAMA, "hidden_size": 512, "intermediate_size": 2560}


def steps(plan: PlanFile, count: int) -> None:
    trained = plan.trained
    batches = [example_batch(trained, [32])]
    weights, _ = trained.executor.weigh(batches, {})
    for index in range(count):
        trained.executor.step(index, batches, weights, 1.0)


def freed_heap() -> torch.Tensor:
    """A heap of 128 MB that was used, but for what lies last in it."""
    pieces = [torch.ones(1 << 14) for _ in range(2048)]
    return pieces[-1]


@pytest.mark.parametrize("offload", [0.0, 1.0], ids=["at home", "offloaded"])
def test_a_step_is_measured_to_take_its_gradients_and_little_more(tmp_path, offload):
    sections = {"model": {"init": WIDE}, "train": {"steps": 2, "offload": {"optimizer": offload}}}
    built = assemble(from_mapping(config(tmp_path, name="measured", **sections)))
    path, trained = built.folder.path, built.trained
    gradients = sum(p.nbytes for p in trained.loaded.module.parameters() if p.requires_grad)
    end = freed_heap()
    found = {}
    for how in ("fresh", "goes on"):  # the state is there before the second
        plan = PlanFile.of(path, trained, None, {})
        steps(plan, 2)
        plan.settle(2)
        found[how] = json.loads((path / "plan.json").read_text())["measured"]
    built.close()
    assert end.sum() > 0
    for how, measured in found.items():
        assert measured["optimizer"] == pytest.approx(2 * gradients, rel=0.01)
        assert measured["weights"] == pytest.approx(gradients, rel=0.01)
        # State that is taken off twice leaves nothing, and one that is not three times as much.
        # Pages of a mapped file count as the process's until the system has written them out: once, when they are made.
        most = 5 if offload and how == "fresh" else 2.7
        assert 0.7 * gradients < measured["step"] < most * gradients, found


def test_what_cannot_be_told_is_not_said(tmp_path, monkeypatch):
    monkeypatch.setattr("whet.train.record.plan_file.begin_peak", lambda device: False)
    built = assemble(from_mapping(config(tmp_path, name="untold")))
    built.plan.settle(2)
    told = json.loads((built.folder.path / "plan.json").read_text())["measured"]
    built.close()
    assert told["step"] is None and told["peak"] is None and told["weights"] > 0


def test_what_was_measured_is_there_while_a_run_goes_on(tmp_path):
    """As steps of twice the number are done, from the second: who is killed leaves it."""
    built = assemble(from_mapping(config(tmp_path, name="going", train={"steps": 5})))
    path, told, emit = built.folder.path / "plan.json", {}, built.loop.emit

    def heard(record):
        emit(record)
        if isinstance(record, StepRecord):
            told[record.step] = json.loads(path.read_text())["measured"]

    built.loop.emit = heard
    built.loop.run()
    built.close()
    assert told[1] is None and told[2]["optimizer"] > 0 and told[2]["peak"] <= told[4]["peak"]
    assert told[3] == told[2] and told[5] == told[4]
