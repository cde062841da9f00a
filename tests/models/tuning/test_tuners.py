from __future__ import annotations

import pytest
import torch

from tests.models.architectures import tiny_model
from tests.models.batches import packed
from whet.base.catalogue import tuner
from whet.base.errors import ModelError
from whet.models.forward import attention
from whet.models.forward.language import LanguageModel

attention.register()


def build(kind: str, **settings):
    found = tuner.get(kind)
    return found.build(**found.settings(**settings).values())


def test_full_and_freeze_change_no_learning_rate_and_name_what_they_leave():
    module = tiny_model("llama", None)
    assert build("full").untouched(build("full").prepare(module)) == frozenset()
    freeze = build("freeze", last=1)
    frozen = freeze.untouched(freeze.prepare(module))
    assert frozen == set(dict(module.named_parameters())) - trained(module)
    assert freeze.rates(module) == {}


def trained(module):
    return {name for name, parameter in module.named_parameters() if parameter.requires_grad}


def test_full_trains_everything_even_what_was_frozen():
    module = tiny_model("llama", None).requires_grad_(False)
    assert trained(build("full").prepare(module)) == {name for name, _ in module.named_parameters()}


@pytest.mark.parametrize("settings, layer", [({"first": 1}, "0"), ({"last": 1}, "1")])
def test_freeze_trains_the_chosen_layers(settings, layer):
    found = trained(build("freeze", **settings).prepare(tiny_model("llama", None)))
    assert found and all(name.startswith(f"model.layers.{layer}.") for name in found)


def test_freeze_adds_what_the_patterns_name():
    module = build("freeze", patterns=[r"q_proj\.weight$", "lm_head"], last=2).prepare(tiny_model("llama", None))
    assert trained(module) >= {"lm_head.weight", "model.layers.0.self_attn.q_proj.weight"}
    assert "model.embed_tokens.weight" not in trained(module)


def test_freeze_by_name_alone():
    found = trained(build("freeze", patterns=["norm"]).prepare(tiny_model("llama", None)))
    assert found == {name for name, _ in tiny_model("llama", None).named_parameters() if "norm" in name}


def test_frozen_parameters_get_no_gradient_and_trained_ones_do():
    module = build("freeze", last=1).prepare(tiny_model("llama", "whet"))
    LanguageModel(module).run(packed([[5, 6, 7]]), frozenset({"nll"}))["nll"].backward()
    assert {name for name, p in module.named_parameters() if p.grad is not None} == trained(module)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({}, "train nothing"),
        ({"patterns": ["("]}, "no regular expression"),
        ({"patterns": ["o_projection"]}, "no parameter is called like"),
        ({"last": 3}, "has 2 layers only"),
    ],
)
def test_freeze_refuses_what_it_cannot_do_and_leaves_the_model_as_it_was(settings, message):
    module = tiny_model("llama", None)
    before = trained(module)
    with pytest.raises(ModelError, match=message):
        build("freeze", **settings).prepare(module)
    assert trained(module) == before


@pytest.mark.parametrize("kind, settings", [("full", {}), ("freeze", {"last": 1})])
def test_a_tuner_without_additions_is_mergeable_stateless_and_saves_every_name(kind, settings):
    module, made = tiny_model("llama", None), build(kind, **settings)
    assert made.mergeable
    assert made.state_dict() == {}
    assert made.penalty(module) is None
    assert set(made.saved_names(module)) == set(dict(module.named_parameters()))
    before = {name: value.clone() for name, value in module.state_dict().items()}
    made.init(module, None), made.before_step(module, 0), made.after_step(module, 0)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
