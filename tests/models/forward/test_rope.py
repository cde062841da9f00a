from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F
from transformers import AutoConfig

from tests.models.architectures import SIZES, VOCAB
from tests.models.batches import packed, random_samples
from whet.models.forward import attention, rope
from whet.models.forward.language import LanguageModel
from whet.models.loading.context import BuildContext
from whet.models.loading.pretrained import verdict_of
from whet.models.loading.spec import Spec
from whet.models.probing.twin import build_twin

attention.register()
LONG = {"rope_type": "longrope", "rope_theta": 1e4, "short_factor": [1.0] * 4, "long_factor": [4.0, 3.0, 2.0, 1.0]}
CONFIGS = {
    "longrope": ("phi3", {"rope_parameters": LONG, "original_max_position_embeddings": 8}),
    "dynamic": (
        "llama",
        {"rope_parameters": {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}, "max_position_embeddings": 8},
    ),
}
SAMPLES = random_samples([5, 14, 3, 11], VOCAB)


def config_of(kind):
    name, extra = CONFIGS[kind]
    return AutoConfig.for_model(name, **{**SIZES, **extra})


def loss(model, samples):
    return model.run(packed(samples), frozenset({"nll"}))["nll"]


@pytest.mark.parametrize("kind", CONFIGS)
def test_each_sample_keeps_the_frequencies_of_its_own_length(kind):
    expected = 0
    for sample in SAMPLES:
        own, ids = build_twin(config_of(kind), None, lambda module: module), torch.tensor(sample)
        expected += F.cross_entropy(own(ids[None], use_cache=False).logits[0, :-1], ids[1:], reduction="sum")
    model = LanguageModel(build_twin(config_of(kind), "whet", lambda module: module))
    for order in (SAMPLES, SAMPLES[::-1]):  # and no batch remembers the one before
        torch.testing.assert_close(loss(model, order), expected, rtol=1e-5, atol=0)


@pytest.mark.parametrize("kind", CONFIGS)
def test_the_probe_would_see_it_otherwise(kind, monkeypatch):
    spec = Spec(init={"model_type": "any"})
    assert verdict_of(spec, config_of(kind), BuildContext()).packed
    monkeypatch.setattr(rope, "isolate", lambda module: None)
    assert not verdict_of(spec, config_of(kind), BuildContext()).packed


def test_other_embeddings_are_left_alone():
    module = build_twin(AutoConfig.for_model("llama", **SIZES), "whet", lambda module: module)
    rope.isolate(module)
    assert "forward" not in vars(module.model.rotary_emb)
