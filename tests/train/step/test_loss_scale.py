"""A gradient that is looked at before the first step is finite wherever that of a smaller loss is."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from tests.models.batches import packed, random_samples
from tests.objectives.groups import VOCAB, built, executor
from whet.base.catalogue import tuner
from whet.base.errors import ModelError
from whet.train.step.loss_scale import FIRST, LossScale


def gradients(module):
    return {name: p.grad.clone() for name, p in module.named_parameters()}


@pytest.mark.parametrize("fits", [FIRST / 8, 0.0])
def test_the_scale_is_halved_until_the_gradient_fits_and_the_run_s_own_stays(fits):
    loaded, batch = built(3), packed(random_samples([9], VOCAB))
    train = replace(executor("sft", policy=loaded), scale=LossScale())
    norm = replace(train, scale=None).gradients([batch])
    expected, weight = gradients(loaded.module), next(loaded.module.parameters())
    most = fits * weight.grad.abs().max()
    loaded.module.zero_grad()
    weight.register_hook(lambda gradient: torch.where(gradient.abs() > most, torch.inf, gradient))
    found = train.gradients([batch])
    assert train.scale.value == FIRST and not train.optimizer.state
    if not fits:
        assert not math.isfinite(found)
        return
    assert found == norm > 0
    for name, gradient in gradients(loaded.module).items():
        assert torch.equal(gradient, expected[name])


@pytest.mark.parametrize("norm", [math.inf, math.nan])
def test_lora_ga_does_not_start_from_a_gradient_that_is_none(norm):
    kind = tuner.get("lora")
    method = kind.build(**kind.settings(rank=2, init="lora-ga").values())
    module = method.prepare(built(3).module)
    before = {name: p.detach().clone() for name, p in module.named_parameters()}
    with pytest.raises(ModelError, match=f"gradient of the first step, .* is {norm}"):
        method.init(module, SimpleNamespace(total_steps=1, gradients=lambda: norm))
    assert all(torch.equal(before[name], p) for name, p in module.named_parameters())
