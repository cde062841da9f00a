"""Out of memory: the micro-batch is halved and the step done again, or it is said what helps."""

from __future__ import annotations

import pytest
import torch

from tests.train.conftest import losses, of
from whet.base.errors import OutOfMemory
from whet.train.step.executor import DataParallel


def test_out_of_memory_halves_the_micro_batch_and_does_the_step_again(ran, monkeypatch):
    expected = losses(ran("whole", train={"micro_batch": 120}))
    real, calls = DataParallel.step, []

    def step(executor, index, batches, weights, factor):
        calls.append(len(batches))
        if len(calls) == 3:
            raise torch.OutOfMemoryError("no memory")
        return real(executor, index, batches, weights, factor)

    monkeypatch.setattr(DataParallel, "step", step)
    records = ran("halved", train={"micro_batch": 120})
    assert losses(records) == pytest.approx(expected, rel=1e-5)
    said = of(records, "notice")[0]["text"]
    assert calls[3] > calls[2] and "micro-batches are now 60 tokens" in said
    assert "less memory with train.micro_batch=" in said and "at the peak" in said and "were planned" in said


@pytest.mark.case("D")
def test_out_of_memory_that_no_smaller_micro_batch_mends_is_said_as_such(trained, monkeypatch):
    real = DataParallel.step

    def step(executor, index, batches, weights, factor):
        if index:
            raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes")
        return real(executor, index, batches, weights, factor)

    monkeypatch.setattr(DataParallel, "step", step)
    with pytest.raises(OutOfMemory, match="out of memory with micro-batches of") as told:
        trained("full", train={"micro_batch": 120})
    assert "train.recompute=true (" in told.value.hint and "at the peak" in told.value.hint
