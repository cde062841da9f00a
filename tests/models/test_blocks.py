"""More blocks (LLaMA-Pro) and blocks in turns (LISA)."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from tests.models.architectures import SIZES, tiny_config, tiny_model
from tests.models.tuning.test_tuners import build, trained
from whet.base.errors import ModelError
from whet.models.forward.attention import own


def logits(module, ids=(5, 6, 7, 8, 9, 3, 4, 1)):
    with torch.no_grad():
        return module.eval()(input_ids=torch.tensor([ids])).logits


@pytest.mark.parametrize("name", ["llama", "qwen3", "gemma2", "gpt2", "gpt_neox", "opt", "olmo2", "mixtral", "qwen2"])
def test_new_blocks_change_nothing_at_first_and_then_learn(name, tmp_path):
    before = logits(tiny_model(name, None))
    module = build("llama-pro", blocks=2).prepare(tiny_model(name, None))
    assert module.config.num_hidden_layers == 4
    assert torch.allclose(logits(module), before, atol=1e-5)
    module(input_ids=torch.tensor([[5, 6, 7]])).logits.square().sum().backward()
    assert {n for n, p in module.named_parameters() if p.grad is not None} == trained(module)
    assert any(p.grad is not None and p.grad.abs().max() > 0 for p in module.parameters())
    module.save_pretrained(tmp_path)
    stored = AutoModelForCausalLM.from_pretrained(tmp_path, attn_implementation=own(module.config))
    assert torch.allclose(logits(stored), before, atol=1e-5)


def test_only_new_blocks_are_trained_each_after_its_original():
    module = build("llama-pro", blocks=1).prepare(tiny_model("llama", None))
    assert {name.split(".")[2] for name in trained(module)} == {"2"}
    own, new = module.model.layers[1], module.model.layers[2]
    assert torch.equal(own.self_attn.q_proj.weight, new.self_attn.q_proj.weight)
    assert [block.self_attn.layer_idx for block in module.model.layers] == [0, 1, 2]


def test_blocks_that_cannot_be_spread_evenly_are_refused():
    with pytest.raises(ModelError, match="3 new blocks cannot be spread evenly over 2") as error:
        build("llama-pro", blocks=3).prepare(tiny_model("llama", None))
    assert error.value.hint == "tuner.blocks=2"


def test_a_deeper_model_has_the_same_shape_on_meta():
    with torch.device("meta"):
        empty = AutoModelForCausalLM.from_config(tiny_config("llama"))
    found = build("llama-pro", blocks=2).prepare(empty)
    real = build("llama-pro", blocks=2).prepare(tiny_model("llama", None))
    assert [(n, p.shape) for n, p in found.named_parameters()] == [(n, p.shape) for n, p in real.named_parameters()]


def eight_layers():
    return AutoModelForCausalLM.from_config(AutoConfig.for_model("llama", **{**SIZES, "num_hidden_layers": 8}))


def test_lisa_draws_layers_anew_every_some_steps_and_always_trains_the_ends():
    made = build("lisa", layers=2, every=5)
    module = made.prepare(eight_layers())
    assert trained(module) == {name for name, _ in module.named_parameters()}
    seen = []
    for step in range(60):
        made.before_step(module, step)
        found = {name.split(".")[2] for name in trained(module) if ".layers." in name}
        assert len(found) == 2
        assert {"model.embed_tokens.weight", "lm_head.weight", "model.norm.weight"} <= trained(module)
        seen.append(frozenset(found))
    assert all(len(set(seen[at : at + 5])) == 1 for at in range(0, 60, 5))
    assert len(set(seen)) > 4
    assert set().union(*seen) == {str(i) for i in range(8)}
    assert made.drawn(42, 8) == build("lisa", layers=2, every=5).drawn(42, 8)
    assert made.untouched(module) == frozenset()


def test_lisa_refuses_more_layers_than_there_are():
    with pytest.raises(ModelError, match="2 layers only"):
        build("lisa", layers=3).prepare(tiny_model("llama", None))
