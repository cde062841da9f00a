"""What a run holds while it draws answers: their keys and values, and the models that grade them."""

from __future__ import annotations

import json

import pytest

from whet.base.config import from_mapping
from whet.models.tuning.wrapper import wrapper_of
from whet.plan.hardware.cards import card
from whet.plan.timeline import Moment
from whet.train.foreseen import hollow_run
from whet.train.planned import Wanted, planned
from whet.train.rollout_memory import with_rollouts

LLAMA = {
    "model_type": "llama", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "vocab_size": 500,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512, "tie_word_embeddings": True,
    "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
LENGTH = 64


def kept(sections, copies_of_all, copies_of_learned):
    """The plan's bytes beside what is trained are so many copies, one more while answers are drawn."""
    run = from_mapping(
        {
            "model": {"init": LLAMA},
            "objective": "grpo",
            "train": {"precision": "fp32"},
            "rewards": ["length"],
            **sections,
        }
    ).run
    trained = hollow_run(run, LLAMA).trained
    module = trained.loaded.module
    whole = sum(p.nbytes for p in module.parameters()) - _adapters(module)
    learned = sum(p.nbytes for p in module.parameters() if p.requires_grad)
    buffers = sum(buffer.nbytes for buffer in module.buffers())
    draws, step = with_rollouts(run, trained, LLAMA, card("rtx-4090"), LENGTH, [Moment("step", "", {"weights": 1.0})])
    copy = copies_of_all * whole + copies_of_learned * learned
    assert copy <= step.parts["beside"] <= copy + buffers
    assert draws.parts["beside"] == 2 * step.parts["beside"]


def _adapters(module) -> int:
    return sum(p.nbytes for p in module.parameters() if p.requires_grad) if wrapper_of(module) else 0


@pytest.mark.parametrize(
    ("sections", "whole", "learned"),
    [
        ({}, 1, 0),
        ({"tuner": {"kind": "freeze", "last": 1}}, 1, 0),
        ({"tuner": {"kind": "lora", "rank": 4}}, 0, 1),
        ({"tuner": {"kind": "lora", "rank": 4}, "rollout": {"engine": "vllm"}}, 1, 0),
    ],
    ids=["full", "freeze", "lora", "lora that is sent"],
)
def test_what_a_rollout_ahead_answers_with_is_held_beside(sections, whole, learned):
    ahead = {**sections, "rollout": {"staleness": 1, **sections.get("rollout", {})}}
    kept(ahead, whole, learned)


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
    # All that the cache may hold: 2 layers x 2 x 2 heads x 16 numbers of four bytes a token; and logits of 32 answers.
    assert draws.parts["cache"] == 16 * LENGTH * 2 * 2 * 2 * 16 * 4
    assert draws.parts["working"] == 32 * 500 * 4 * 2
    graded = 2 * (500 * 64 + 2 * (64 * 64 * 2 + 64 * 32 * 2 + 3 * 64 * 128 + 2 * 64) + 64)
    assert all(moment.parts["beside"] == graded for moment in found.memory.moments)
    assert draws.parts["optimizer"] and "activations" not in draws.parts
