"""Decoding is proven on the twin: what fails there is not done, and what is done gives the plain forward's answer."""

from __future__ import annotations

import pytest
from transformers import AutoConfig

from tests.architectures.decoding import check_decoding, check_rollout
from tests.models.architectures import SIZES, tiny_model
from whet.models import attention
from whet.models.decoding.proof import decoding_of
from whet.models.twin import build_twin

attention.register()
MORE = {
    "mamba": {"state_size": 8, "time_step_rank": 4},
    "openai-gpt": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64, "afn": "gelu"},
    "camembert": {"is_decoder": True},
    "deepseek_v4": {},
    "qwen3_5_text": {
        "head_dim": 16, "num_hidden_layers": 4, "linear_num_value_heads": 4, "linear_num_key_heads": 2,
        "linear_key_head_dim": 8, "linear_value_head_dim": 8,
    },
}  # fmt: skip


def model(name):
    """A small model of another size than its twin."""
    if name == "deepseek_v4":
        from whet.models.twin import twin_config

        return build_twin(twin_config(AutoConfig.for_model(name)), None, lambda module: module)
    if name not in MORE:
        return tiny_model(name, None)
    return build_twin(AutoConfig.for_model(name, **{**SIZES, **MORE[name]}), None, lambda module: module)


@pytest.mark.case("G1")
@pytest.mark.case("G3")
@pytest.mark.case("G4")
@pytest.mark.parametrize(
    "name, cached, rows, word",
    [
        ("llama", True, "padded", ""),
        ("camembert", True, "padded", ""),
        ("mamba", True, "equal", "one length at a time, because padding changes what it says: logits are off by"),
        pytest.param("deepseek_v4", True, "equal", "one length at a time", marks=pytest.mark.slow),
        ("openai-gpt", False, "padded", "decodes without a cache, which takes longer with every token"),
    ],
)
def test_a_model_decodes_in_the_fastest_manner_that_is_right(name, cached, rows, word):
    module = model(name)
    found = decoding_of(module)
    assert (found.cached, found.rows) == (cached, rows)
    assert word in " ".join(found.notices) and len(found.notices) == bool(word)
    check_decoding(module)
    check_rollout(module)


@pytest.mark.case("G2")
def test_rows_of_hybrid_models_are_spread_over_answers():
    module = model("qwen3_5_text")
    assert decoding_of(module).rows == "padded"
    check_rollout(module)
