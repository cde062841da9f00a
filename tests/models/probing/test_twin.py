from __future__ import annotations

import pytest
import torch
from transformers import AutoConfig

from tests.models.architectures import ARCHITECTURES, tiny_config
from whet.models.probing.twin import WINDOW, build_twin, twin_config


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_twin_of_a_model_of_full_size_is_tiny(name):
    twin = build_twin(twin_config(AutoConfig.for_model(name)), None, lambda module: module)
    assert sum(p.numel() for p in twin.parameters()) < 1e6


def test_the_twin_has_two_layers_of_each_kind_in_their_order():
    twin = twin_config(AutoConfig.for_model("gemma3_text"))
    assert twin.layer_types == ["sliding_attention"] * 2 + ["full_attention"] * 2
    assert twin.num_hidden_layers == 4


def test_the_twin_has_dense_and_routed_layers():
    twin = twin_config(AutoConfig.for_model("deepseek_v3"))
    assert (twin.first_k_dense_replace, twin.num_hidden_layers) == (2, 4)


def test_windows_are_shorter_than_the_probes_samples():
    assert twin_config(AutoConfig.for_model("mistral")).sliding_window == WINDOW
    assert twin_config(AutoConfig.for_model("llama")).to_dict().get("sliding_window") is None


@pytest.mark.parametrize(
    "heads, kv_heads, expected", [(32, 32, (4, 4)), (32, 8, (4, 2)), (32, 1, (4, 1))], ids=["all", "groups", "one"]
)
def test_key_value_heads_keep_their_meaning(heads, kv_heads, expected):
    config = AutoConfig.for_model("llama", num_attention_heads=heads, num_key_value_heads=kv_heads)
    twin = twin_config(config)
    assert (twin.num_attention_heads, twin.num_key_value_heads) == expected


def test_frequency_lists_are_cut_to_the_twins_heads():
    rope = {"rope_type": "longrope", "rope_theta": 1e4, "short_factor": [1.0] * 48, "long_factor": [2.0] * 48}
    config = AutoConfig.for_model("phi3", rope_parameters=rope, original_max_position_embeddings=4096)
    twin = twin_config(config)
    assert len(twin.rope_parameters["short_factor"]) == len(twin.rope_parameters["long_factor"]) == 8


def test_without_shrinking_only_layers_and_windows_change():
    config = AutoConfig.for_model("mistral")
    twin = twin_config(config, shrink=False)
    assert (twin.hidden_size, twin.num_hidden_layers, twin.sliding_window) == (config.hidden_size, 2, WINDOW)


def test_each_twin_keeps_its_own_attention():
    config = twin_config(AutoConfig.for_model("llama"))
    twins = [build_twin(config, name, lambda module: module) for name in ("eager", "sdpa", None)]
    assert [twin.config._attn_implementation for twin in twins] == ["eager", "sdpa", "sdpa"]


def test_a_mask_among_the_buffers_stays_a_mask():
    twin = build_twin(twin_config(AutoConfig.for_model("minimax")), None, lambda module: module)
    decay = next(b for name, b in twin.named_buffers() if name.endswith("diagonal_decay"))
    assert not decay.triu(1).any()


def test_twins_are_equal_and_no_trained_value_is_zero_or_one():
    first, second = (build_twin(tiny_config("gpt_oss"), a, lambda module: module) for a in ("eager", None))
    for (name, mine), other in zip(first.named_parameters(), second.parameters(), strict=True):
        assert torch.equal(mine, other), name
        assert not ((mine == 0) | (mine == 1)).any(), name


def test_soft_capped_scores_are_those_of_the_eager_attention():
    """SDPA has no soft-cap: transformers 5.17 chooses it all the same."""
    twin = build_twin(twin_config(AutoConfig.for_model("gemma2")), None, lambda module: module)
    assert twin.config._attn_implementation == "eager"


def test_labels_are_not_cut_with_the_layers():
    config = AutoConfig.for_model("bert", id2label={0: "0", 1: "1", 2: "7"}, label2id={"0": 0, "1": 1, "7": 2})
    twin = twin_config(config)
    assert (twin.id2label, twin.label2id) == (config.id2label, config.label2id)
