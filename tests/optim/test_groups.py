"""Parameters reach their optimizer with the role, rate, layer and head that they have in the model."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.tiny import LLAMA
from whet.base.catalogue import model_source, tuner
from whet.base.errors import ConfigError
from whet.contracts.model import ParamRole
from whet.models.loading.context import BuildContext
from whet.models.loading.fill import filled
from whet.optim.depth import depth_rates
from whet.optim.groups import ParamGroups


@pytest.fixture(scope="module")
def llama():
    context = BuildContext(tuner=tuner.get("full").build())
    return filled(model_source.get("hf").build(context, init={**LLAMA, "vocab_size": 50, "head_dim": 4}))


def test_groups_split_by_decay_and_rate_and_keep_the_plain_rate_first(llama):
    names = dict(llama.module.named_parameters())
    fast = "model.layers.1.mlp.up_proj.weight"
    groups = ParamGroups.of(llama.module, llama.roles, {fast: 16.0}).with_decay(0.1, ["matrix"])
    assert [(g["rate"], g["weight_decay"]) for g in groups] == [(1.0, 0.1), (1.0, 0.0), (16.0, 0.1)]
    assert [id(p) for p in groups[2]["params"]] == [id(names[fast])]
    assert sum(len(g["params"]) for g in groups) == len(names)


def test_an_unknown_role_is_refused_by_name(llama):
    with pytest.raises(ConfigError, match="unknown parameter role `norms`"):
        ParamGroups.of(llama.module, llama.roles).with_decay(0.1, ["norms"])


def test_heads_are_measured_by_the_models_own_head_size(llama):
    heads = {m.name: m.head_rows for m in ParamGroups.of(llama.module, llama.roles).members}
    assert heads["model.layers.0.self_attn.q_proj.weight"] == heads["model.layers.0.self_attn.k_proj.weight"] == 4
    assert heads["model.layers.0.self_attn.o_proj.weight"] == heads["model.norm.weight"] == 0


def test_rates_fall_with_depth(llama):
    rates = depth_rates(llama.module, llama.layers, 0.5)
    assert rates["model.layers.1.mlp.up_proj.weight"] == rates["model.norm.weight"] == 1.0
    assert rates["model.layers.0.mlp.up_proj.weight"] == 0.5
    assert rates["model.embed_tokens.weight"] == 0.25


def test_a_model_without_layers_has_one_rate():
    assert set(depth_rates(nn.Linear(2, 2), (), 0.5).values()) == {1.0}


def test_a_rate_reaches_the_weights(trained):
    def moved(rate):
        folder, _ = trained(
            f"depth-{rate}", train={"steps": 1, "depth_rate": rate, "checkpoint_every": 1}, schedule="constant"
        )
        from safetensors.torch import load_file

        return load_file(folder / "model" / "model.safetensors")

    start, plain, slow = moved(1e-30), moved(1.0), moved(0.5)
    for layer, ratio in ((0, 0.5), (1, 1.0)):
        name = f"model.layers.{layer}.mlp.up_proj.weight"
        # Adam's first step is the rate itself for every weight, whatever its gradient. Below the last layer the rate
        # 1e-30 leaves weights as they were; those of the last layer moved alike in all three.
        if layer == 0:
            torch.testing.assert_close(
                slow[name] - start[name], ratio * (plain[name] - start[name]), rtol=1e-3, atol=1e-6
            )
        else:
            assert torch.equal(slow[name], plain[name])


def test_roles_are_those_of_the_contract(llama):
    assert {m.role for m in ParamGroups.of(llama.module, llama.roles).members} == {
        ParamRole.EMBEDDING, ParamRole.MATRIX, ParamRole.NORM
    }  # fmt: skip
