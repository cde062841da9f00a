from __future__ import annotations

import pytest
import torch

from whet.base.catalogue import model_source
from whet.base.errors import ModelError
from whet.contracts.batch import Batch
from whet.models.loading.context import BuildContext
from whet.models.loading.fill import filled


def build(**settings):
    kind = model_source.get("mlp")
    return filled(kind.build(BuildContext(seed=3), **kind.settings(**settings).values()))


def batch(features):
    return Batch({}, len(features), {"features": features, "weight": torch.ones(len(features))})


def test_logits_are_those_of_the_layers_in_turn():
    loaded = build(features=3, classes=2, hidden=[5])
    features = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    first, _, _, last = loaded.module
    expected = last(torch.relu(first(features)))
    assert torch.equal(loaded.model.run(batch(features), frozenset({"logits"}))["logits"], expected)


def test_it_has_no_tokens_and_no_processor():
    loaded = build(features=3, classes=2)
    assert (loaded.capabilities.tokens, loaded.capabilities.generates, loaded.processor) == (False, False, None)


def test_the_seed_decides_the_weights_and_the_default_generator_is_left_alone():
    before = torch.get_rng_state()
    first, second = (build(features=3, classes=2).module.state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert torch.equal(torch.get_rng_state(), before)


def test_dropout_drops_only_in_training():
    loaded = build(features=3, classes=2, dropout=0.5)
    features = torch.ones(64, 3)
    loaded.module.train()
    assert len(loaded.model.run(batch(features), frozenset({"logits"}))["logits"].unique(dim=0)) > 1
    loaded.module.eval()
    assert len(loaded.model.run(batch(features), frozenset({"logits"}))["logits"].unique(dim=0)) == 1


def test_tokens_are_refused_by_name():
    with pytest.raises(ModelError, match="gives `logits`"):
        build(features=3, classes=2).model.run(batch(torch.ones(1, 3)), frozenset({"nll"}))


def test_data_without_features_is_refused():
    with pytest.raises(ModelError, match="no `features`"):
        build(features=3, classes=2).model.run(Batch({}, 1), frozenset({"logits"}))


def test_on_meta_until_it_is_filled():
    loaded = model_source.get("mlp").build(BuildContext(), features=3, classes=2)
    assert all(p.is_meta for p in loaded.module.parameters())
