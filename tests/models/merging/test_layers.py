"""One layer merged: in place, with what PEFT makes of its matrices beside it, and refused where it is no number."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.alive import most
from whet.models.merging.layers import folded
from whet.plan.tracing.live import Timeline, Watch

peft = pytest.importorskip("peft")
SIZE = 256


@pytest.fixture
def layer():
    """A trained layer of LoRA, whose matrices are small beside the weight."""
    module = nn.ModuleDict({"proj": nn.Linear(SIZE, SIZE, bias=False)})
    wrapped = peft.get_peft_model(module, peft.LoraConfig(r=2, target_modules=["proj"]))
    found = wrapped.get_base_model()["proj"]
    nn.init.constant_(found.lora_B["default"].weight, 0.1)
    return found


def test_a_layer_is_merged_in_three_times_its_weight(layer):
    timeline = Timeline()
    with torch.no_grad(), Watch(timeline):
        merged = folded(layer)
    assert most(timeline) < 3.1 * layer.base_layer.weight.nbytes
    whole = layer.base_layer.weight + layer.get_delta_weight("default")
    assert torch.equal(merged.weight, whole) and not torch.equal(layer.base_layer.weight, whole)


@pytest.mark.parametrize("broken", [float("nan"), float("inf"), -float("inf")])
def test_an_adapter_that_is_no_number_is_not_merged(layer, broken):
    with torch.no_grad():
        layer.lora_B["default"].weight[3] = broken
    with pytest.raises(ValueError, match="`weight` is infinite or undefined with its adapter"):
        folded(layer)
