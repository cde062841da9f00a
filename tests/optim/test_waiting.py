"""No step waits for its device: tensors without data stand for a device whose numbers are not there yet."""

from __future__ import annotations

from itertools import product

import pytest
import torch

from tests.optim.made import HAS_FORMATS
from tests.optim.problem import build
from tests.optim.zoo import SETTINGS, Zoo, groups, one_step
from tests.sweeps import in_turn
from whet.optim.ema import Averaged
from whet.optim.row_steps import RowSteps

# Q-GaLore reads a cosine when it renews a basis, beside a decomposition that takes longer; here none is due again.
LAZY = {"q-galore": {"gap": 1000}}

# Every kernel of the family but this one knows tensors without data (torch 2.13); it returns nothing.
META = torch.library.Library("aten", "IMPL")
META.impl("_fused_sgd_", lambda *arguments, **facts: None, "Meta")


def step_without_data(kind: str, wrap=lambda chosen: chosen, **settings) -> None:
    """Three steps whose every number is unknown: reading one (`item`, `tolist`, `cpu`, `if tensor`) raises."""
    with torch.device("meta"):
        module = Zoo()
    made = groups(module, one_by_one=True)  # torch's fused optimizers refuse this device
    chosen = wrap(build(kind, made, **{**SETTINGS[kind], **LAZY.get(kind, {}), **settings}))

    def gradients(step: int) -> None:
        for parameter in module.parameters():
            parameter.grad = torch.empty_like(parameter)

    for step in range(3):
        one_step(chosen, gradients, step)


@pytest.mark.parametrize("kind", SETTINGS)
def test_a_step_reads_no_number(kind):
    step_without_data(kind)


@pytest.mark.parametrize(("kind", "state"), in_turn(product(HAS_FORMATS, ["bf16", "8bit"]), 3))
def test_a_step_with_compressed_state_reads_no_number(kind, state):
    step_without_data(kind, state=state)


def test_an_average_of_the_weights_reads_no_number():
    step_without_data("lion", lambda chosen: Averaged(chosen, 0.9))


@pytest.mark.parametrize("read", [lambda t: t.mean().item(), lambda t: bool(t.max() > 0), lambda t: t.norm().cpu()])
def test_a_rule_that_reads_a_number_is_caught(read, monkeypatch):
    plain = RowSteps.read

    def reading(self, rule, bucket):
        read(bucket[0].shard.grad)
        return plain(self, rule, bucket)

    monkeypatch.setattr(RowSteps, "read", reading)
    with pytest.raises((RuntimeError, NotImplementedError)):
        step_without_data("lion")
