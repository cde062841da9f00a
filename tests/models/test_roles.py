from __future__ import annotations

import pytest
from torch import nn

from tests.models.architectures import ARCHITECTURES, tiny_model
from whet.contracts.model import ParamRole
from whet.models.roles import roles

OTHERS = ("sinks", "conv.weight", "conv1d.weight", "A_log", ".D")


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_parameter_has_a_role_and_none_is_left_over(name):
    module = tiny_model(name, None)
    found = roles(module)
    assert list(found) == [n for n, _ in module.named_parameters()]
    unknown = [n for n, role in found.items() if role == ParamRole.OTHER]
    # Sinks, convolutions, and the rates of recurrent layers: neither matrices nor norms nor biases.
    assert all(part.endswith(OTHERS) for part in unknown), unknown


def test_a_tied_head_is_an_embedding():
    found = roles(tiny_model("gpt2", None))
    assert found["transformer.wte.weight"] == ParamRole.EMBEDDING
    assert ParamRole.HEAD not in found.values()


def test_an_untied_head_is_a_head():
    assert roles(tiny_model("llama", None))["lm_head.weight"] == ParamRole.HEAD


@pytest.mark.parametrize(
    "name, parameter, role",
    [
        ("qwen3", "model.layers.0.self_attn.q_norm.weight", ParamRole.NORM),
        ("gpt2", "transformer.h.0.ln_1.bias", ParamRole.NORM),
        ("gpt2", "transformer.wpe.weight", ParamRole.EMBEDDING),
        ("gpt2", "transformer.h.0.attn.c_attn.weight", ParamRole.MATRIX),
        ("qwen2", "model.layers.0.self_attn.q_proj.bias", ParamRole.BIAS),
        ("mixtral", "model.layers.0.mlp.experts.gate_up_proj", ParamRole.EXPERT),
        ("mixtral", "model.layers.0.mlp.gate.weight", ParamRole.MATRIX),
        ("gpt_oss", "model.layers.0.mlp.experts.down_proj_bias", ParamRole.BIAS),
        ("deepseek_v3", "model.layers.0.self_attn.q_a_layernorm.weight", ParamRole.NORM),
    ],
)
def test_roles_follow_module_and_position(name, parameter, role):
    assert roles(tiny_model(name, None))[parameter] == role


def test_a_block_that_is_called_norm_but_holds_matrices_is_none():
    class FusedNorm(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(nn.Linear(3, 4).weight.detach())

    assert roles(FusedNorm()) == {"weight": ParamRole.MATRIX}
