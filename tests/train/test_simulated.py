"""A rank of a mesh that is not there holds, at its peak, what formulas say of that rank."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch.distributed as dist

from tests.train.simulated import rank_alone
from whet.base.config import from_mapping
from whet.base.mesh import Mesh
from whet.parallel.sizes import mesh_sizes
from whet.plan.hardware.cards import card
from whet.plan.job import Job
from whet.plan.memory import rank_plans
from whet.plan.models.planned import PlannedModel
from whet.plan.timeline import MemoryPlan, Stage
from whet.train.foreseen import example_batch, foresee, hollow_run

TOKENS, MICRO_BATCHES = 256, 2
LLAMA = {
    "model_type": "llama", "hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 2, "vocab_size": 512,
    "num_attention_heads": 8, "num_key_value_heads": 4, "tie_word_embeddings": False, "bos_token_id": 1,
    "eos_token_id": 2, "max_position_embeddings": 512,
}  # fmt: skip
DEEPSEEK = {
    **LLAMA, "model_type": "deepseek_v3", "moe_intermediate_size": 64, "n_routed_experts": 8, "n_shared_experts": 1,
    "num_experts_per_tok": 2, "n_group": 1, "topk_group": 1, "first_k_dense_replace": 1, "num_key_value_heads": 8,
    "kv_lora_rank": 32, "q_lora_rank": 48, "qk_rope_head_dim": 8, "qk_nope_head_dim": 16, "v_head_dim": 16,
}  # fmt: skip
# Sharding, products with `tensor`, the first and the last rank of a pipeline; others are slow.
CASES = {
    "shard x tensor": (LLAMA, {"shard": 2, "tensor": 2}, 0, 0.05),
    "the first stage": (LLAMA, {"pipeline": 2}, 0, 0.05),
}
SLOW = {
    "the last stage": (LLAMA, {"pipeline": 2}, 1, 0.05),
    "shard": (LLAMA, {"shard": 4}, 0, 0.05), "tensor": (LLAMA, {"tensor": 4}, 0, 0.05),
    "zero 1": (LLAMA, {"shard": 4, "zero": 1}, 0, 0.05), "zero 2": (LLAMA, {"shard": 4, "zero": 2}, 0, 0.05),
    "a mixture": (DEEPSEEK, {"shard": 4}, 0, 0.05), "context": (LLAMA, {"context": 2}, 0, 0.1),
    "sequence": (LLAMA, {"tensor": 4, "sequence": True}, 0, 0.05),
    "stages of shards": (LLAMA, {"pipeline": 2, "shard": 2}, 0, 0.08),
}  # fmt: skip


def run_of(config: dict, parallel: dict):
    train = {"precision": "fp32", "steps": 1}
    return from_mapping({"model": {"init": config}, "train": train, "parallel": parallel}).run


def peak_of_a_step(config: dict, parallel: dict, rank: int) -> float:
    run = run_of(config, parallel)
    with rank_alone(mesh_sizes(run.parallel, _ranks(parallel)), rank) as world:
        made = hollow_run(run, config, world)
        found = foresee(made, [example_batch(made.trained, (TOKENS,))] * MICRO_BATCHES)
    return MemoryPlan(Stage("", ()), found).peak.total


def peak_of_formulas(config: dict, parallel: dict, rank: int) -> float:
    run, ranks = run_of(config, parallel), _ranks(parallel)
    told = run.parallel
    mesh = Mesh(**mesh_sizes(told, ranks), zero=told.zero, sequence=told.sequence)
    tokens = MICRO_BATCHES * TOKENS * mesh.readers
    run = run.model_copy(update={"train": run.train.model_copy(update={"batch_tokens": tokens})})
    processor = replace(card("rtx-4090"), kind="cpu")
    job = Job.of(run, PlannedModel.of("a model", config), processor, mesh, length=TOKENS, micro=TOKENS)
    plan = rank_plans(job)[rank * mesh.pipeline // ranks]
    return max(moment.total - moment.parts["overhead"] for moment in plan.moments)


def _ranks(parallel: dict) -> int:
    ranks = 1
    for axis, size in parallel.items():
        ranks *= size if axis not in ("zero", "sequence") else 1
    return ranks


@pytest.mark.parametrize(
    ("config", "parallel", "rank", "tolerance"),
    [
        *(pytest.param(*case, id=name) for name, case in CASES.items()),
        *(pytest.param(*case, id=name, marks=pytest.mark.slow) for name, case in SLOW.items()),
    ],
)
def test_a_rank_holds_at_its_peak_what_formulas_say(config, parallel, rank, tolerance):
    step = peak_of_a_step(config, parallel, rank)
    assert peak_of_formulas(config, parallel, rank) == pytest.approx(step, rel=tolerance)
    assert not dist.is_initialized()
