"""A feature of somebody else's reaches every layer's attention, and knows the step and the batch."""

from __future__ import annotations

import copy

import pytest
import torch

from tests.models.architectures import tiny_model
from tests.models.batches import packed, random_samples
from whet.contracts.feature import ModelFeature
from whet.models.features.carried import carry, features_of
from whet.models.forward import attention
from whet.models.forward.language import LanguageModel

attention.register()
SAMPLES = random_samples((9, 5), 61)


class Louder(ModelFeature):
    """Values of attention times `factor` in training."""

    def __init__(self, factor):
        self.factor, self.told = factor, []

    def begin_run(self, batch):
        self.told.append(batch.num_tokens)

    def end_run(self):
        self.told.append("done")

    def around(self, module, stream):
        return self._louder if module.training else None

    def _louder(self, attend, layer, query, key, value, plan, form):
        return attend(query, key, value * self.factor, plan, form)


def nll(module):
    return LanguageModel(module).run(packed(SAMPLES), frozenset({"nll"}))["nll"]


def test_it_changes_what_layers_compute_as_other_weights_would():
    """Values times 3 are those of a model whose value projections are; a second feature is around the first."""
    module, twin = tiny_model("llama", "whet").train(), tiny_model("llama", "whet").train()
    plain = nll(twin)
    carry(module, Louder(3.0))
    with torch.no_grad():
        for layer in twin.model.layers:
            for parameter in layer.self_attn.v_proj.parameters():
                parameter.mul_(3)
    assert torch.allclose(nll(module), nll(twin), rtol=1e-6) and not torch.allclose(nll(module), plain, rtol=1e-3)
    carry(module, Louder(1 / 3))
    assert torch.allclose(nll(module), plain, rtol=1e-6)
    assert torch.allclose(nll(module.eval()), plain, rtol=1e-6)


def test_it_is_told_of_every_run_even_of_one_that_fails():
    module, feature = tiny_model("llama", "whet").train(), Louder(1.0)
    carry(module, feature)
    nll(module)
    module.model.layers[0].forward = None
    with pytest.raises(TypeError):
        nll(module)
    assert feature.told == [14, "done", 14, "done"]


def test_a_copy_of_the_module_has_features_of_its_own():
    module = tiny_model("llama", "whet").train()
    carry(module, Louder(2.0))
    twin = copy.deepcopy(module)
    features_of(twin)[0].factor = 1.0
    assert features_of(module)[0].factor == 2.0 and not torch.allclose(nll(module), nll(twin), rtol=1e-3)
