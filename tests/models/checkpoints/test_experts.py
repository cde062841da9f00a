"""Experts in files and in memory, beside what transformers writes and loads."""

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from tests.generate import tiny
from whet.base.errors import ModelError
from whet.export.weights import skeleton
from whet.models.checkpoints.experts import Fused, experts, pieces
from whet.models.checkpoints.stored import Stored


@pytest.mark.parametrize("kind", ["mixtral", "qwen3_moe"])
def test_weights_that_are_stored_expert_by_expert_are_put_together(tmp_path, kind):
    module = tiny.module(kind)
    module.save_pretrained(tmp_path, max_shard_size="20KB")
    stored, state = Stored(tmp_path), module.state_dict()
    assert not any(name in stored for name in experts(module))  # or nothing had to be put together
    fused = Fused(stored, skeleton(module.config))
    assert fused.is_whole and set(fused) == set(state) and len(fused) == len(state)
    assert all(torch.equal(fused[name], tensor) for name, tensor in state.items())
    held = pieces(module)
    assert {piece.name for found in held.values() for piece in found} == set(stored)
    for name, found in held.items():
        assert all(torch.equal(piece.of(state[name]), stored[piece.name]) for piece in found)


def test_a_folder_that_lacks_an_expert_is_not_whole(tmp_path):
    module = tiny.module("mixtral")
    module.save_pretrained(tmp_path)
    stored = dict(Stored(tmp_path))
    stored.pop("model.layers.1.block_sparse_moe.experts.3.w2.weight")
    fused = Fused(stored, module)
    assert not fused.is_whole
    with pytest.raises(KeyError):
        fused["model.layers.1.mlp.experts.down_proj"]


def test_experts_that_are_stored_as_they_are_computed_with_have_one_piece():
    config = AutoConfig.for_model(
        "gpt_oss", num_hidden_layers=1, num_local_experts=2, hidden_size=32, intermediate_size=32, vocab_size=64,
        num_attention_heads=4, num_key_value_heads=2, head_dim=8, layer_types=["full_attention"],
    )  # fmt: skip
    with torch.device("meta"):
        module = AutoModelForCausalLM.from_config(config)
    held = pieces(module)
    assert all([piece.name for piece in found] == [name] for name, found in held.items()) and experts(module)


def test_a_conversion_that_is_more_than_cutting_is_refused(monkeypatch):
    from transformers import core_model_loading

    monkeypatch.setattr(
        core_model_loading, "revert_weight_conversion", lambda model, state: {n: t + 1 for n, t in state.items()}
    )
    with pytest.raises(ModelError, match="not known here"):
        pieces(tiny.module("mixtral"))
