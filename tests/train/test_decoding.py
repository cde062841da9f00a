"""Models that keep no keys and values train to a written folder, and learn from their own answers."""

from __future__ import annotations

import json

import pytest
from transformers import CONFIG_MAPPING

from tests.models.architectures import SIZES
from tests.tiny import config
from tests.train.test_rollouts import notices, settings, steps
from whet.base.config import from_mapping
from whet.train.api import train

COMPARED = True  # every result with its model

SHAPE = {name: size for name, size in SIZES.items() if name not in ("vocab_size", "pad_token_id")}
MADE = {
    "openai-gpt": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 128},
    "mamba": {"state_size": 8, "time_step_rank": 4},
    "falcon_mamba": {"state_size": 8, "time_step_rank": 4},
    "recurrent_gemma": {"num_hidden_layers": 3, "lru_width": 32, "attention_window_size": 16},
    "rwkv": {"attention_hidden_size": 32, "context_length": 64},
    "qwen3_5_text": {
        "head_dim": 16, "num_hidden_layers": 4, "linear_num_value_heads": 4, "linear_num_key_heads": 2,
        "linear_key_head_dim": 8, "linear_value_head_dim": 8,
    },
    "nemotron_h": {
        "layers_block_type": ["linear_attention", "full_attention"], "mamba_num_heads": 4, "mamba_head_dim": 16,
        "ssm_state_size": 8, "n_groups": 2,
    },
    "deepseek_v4": {
        "num_hidden_layers": 4, "head_dim": 16, "q_lora_rank": 16, "o_lora_rank": 16, "o_groups": 2,
        "n_routed_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16, "index_n_heads": 2,
        "index_head_dim": 16, "num_key_value_heads": 1, "qk_rope_head_dim": 8,
    },
    "pegasus": {
        "d_model": 32, "decoder_layers": 2, "decoder_attention_heads": 4, "decoder_ffn_dim": 48, "is_decoder": True,
        "is_encoder_decoder": False, "dropout": 0.0, "attention_dropout": 0.0,
    },
}  # fmt: skip


def model(folder, name):
    sizes = {**SHAPE, "max_position_embeddings": 128}
    own = {size: value for size, value in sizes.items() if hasattr(CONFIG_MAPPING[name](), size)}
    init = {"model_type": name, **own, **MADE[name]}
    return {"init": init, "tokenizer": str(folder / "tokenizer")}


@pytest.mark.case("G1")
@pytest.mark.parametrize(
    "name",
    [
        "openai-gpt",
        *(pytest.param(n, marks=pytest.mark.slow) for n in ("mamba", "falcon_mamba", "recurrent_gemma", "rwkv")),
    ],
)
def test_a_model_that_keeps_no_keys_is_written_and_its_report_has_compared_what_it_generates(name, tmp_path):
    folder, ended = train(from_mapping(config(tmp_path, model=model(tmp_path, name), train={"steps": 2})))
    report = json.loads((folder.model / "equivalence.json").read_text())
    assert (ended.outcome, report["passed"], report["generation"], report["cannot"]) == ("done", True, 1.0, "")


@pytest.mark.case("G2")
@pytest.mark.case("G3")
@pytest.mark.parametrize(
    "name",
    ["qwen3_5_text", *(pytest.param(n, marks=pytest.mark.slow) for n in ("nemotron_h", "deepseek_v4", "pegasus"))],
)
def test_a_model_whose_rows_are_spread_learns_from_its_answers_without_drift(name, tmp_path):
    made = settings(tmp_path, model=model(tmp_path, name), train={"steps": 2}, rollout={"updates": 1, "passes": 1})
    folder, ended = train(from_mapping(made))
    assert ended.outcome == "done" and folder.model.is_dir()
    assert all(m["drift"] < 1e-5 for m in steps(folder.path).values())
    assert not [text for text in notices(folder.path) if "drift" in text]
