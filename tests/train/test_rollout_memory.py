"""What a run holds while it draws answers: their keys and values, and the models that grade them."""

from __future__ import annotations

import json

from whet.base.config import from_mapping
from whet.plan.hardware.cards import card
from whet.train.planned import Wanted, planned

LLAMA = {
    "model_type": "llama", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "vocab_size": 500,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512, "tie_word_embeddings": True,
    "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
LENGTH = 64


def test_answers_are_drawn_beside_their_cache_and_the_models_that_grade(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(LLAMA))
    rollout = {"prompts": 4, "completions": 8, "batch_tokens": 16 * LENGTH}
    run = from_mapping(
        {
            "model": {"init": LLAMA}, "objective": "grpo", "rollout": rollout, "train": {"precision": "fp32"},
            "rewards": [{"kind": "length"}, {"kind": "model", "path": str(tmp_path)}],
        }
    ).run  # fmt: skip
    found = planned(Wanted(run, "a model", LLAMA, card("rtx-4090"), LENGTH, LENGTH))
    draws = found.memory.phases()[0]
    assert draws.phase == "rollout"
    # 16 of 32 answers at once, each with a quarter more room: 2 layers x 2 x 2 heads x 16 numbers of four bytes.
    assert draws.parts["cache"] == 16 * int(1.25 * LENGTH) * 2 * 2 * 2 * 16 * 4
    graded = 2 * (500 * 64 + 2 * (64 * 64 * 2 + 64 * 32 * 2 + 3 * 64 * 128 + 2 * 64) + 64)
    assert all(moment.parts["beside"] == graded for moment in found.memory.moments)
    assert draws.parts["optimizer"] and "activations" not in draws.parts
