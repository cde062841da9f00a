"""A rank of a mesh that is not there holds, at its peak, what formulas say, and as much as one that is there."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from functools import cache

import pytest
import torch
import torch.distributed as dist

from tests.ranks import on_ranks
from tests.sweeps import some
from whet.base.config import from_mapping
from whet.base.mesh import Mesh
from whet.parallel.simulated import rank_alone
from whet.parallel.sizes import mesh_sizes
from whet.parallel.world import World
from whet.plan.hardware.cards import card
from whet.plan.job import Job
from whet.plan.memory import rank_plans
from whet.plan.models.planned import PlannedModel
from whet.plan.timeline import MemoryPlan, Stage
from whet.train import foreseen
from whet.train.foreseen import example_batch, foresee, hollow_run
from whet.train.planned import Wanted, planned

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
CASES = {
    "shard": (LLAMA, {"shard": 4}, 0), "zero 1": (LLAMA, {"shard": 4, "zero": 1}, 0),
    "zero 2": (LLAMA, {"shard": 4, "zero": 2}, 0), "replicate x shard": (LLAMA, {"replicate": 2, "shard": 2}, 0),
    "tensor": (LLAMA, {"tensor": 4}, 0), "sequence": (LLAMA, {"tensor": 4, "sequence": True}, 0),
    "shard x tensor": (LLAMA, {"shard": 2, "tensor": 2}, 0), "context": (LLAMA, {"context": 2}, 0),
    "tensor x context": (LLAMA, {"tensor": 2, "context": 2}, 0), "the first stage": (LLAMA, {"pipeline": 2}, 0),
    "the last stage": (LLAMA, {"pipeline": 2}, 1), "stages x shard": (LLAMA, {"pipeline": 2, "shard": 2}, 0),
    "stages x tensor": (LLAMA, {"pipeline": 2, "tensor": 2}, 0),
    "the last stage x tensor": (LLAMA, {"pipeline": 2, "tensor": 2}, 2), "a mixture": (DEEPSEEK, {"shard": 4}, 0),
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


@pytest.mark.parametrize(("config", "parallel", "rank"), CASES.values(), ids=CASES)
def test_a_rank_holds_at_its_peak_what_formulas_say(config, parallel, rank):
    step = peak_of_a_step(config, parallel, rank)
    assert peak_of_formulas(config, parallel, rank) == pytest.approx(step, rel=0.05)
    assert not dist.is_initialized()


BERT = {
    "model_type": "bert", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 3, "vocab_size": 500,
    "num_attention_heads": 4, "pad_token_id": 0, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0,
}  # fmt: skip
T5 = {
    "model_type": "t5", "d_model": 64, "d_ff": 128, "d_kv": 16, "num_heads": 4, "num_layers": 2, "vocab_size": 500,
    "dropout_rate": 0.0, "decoder_start_token_id": 0, "pad_token_id": 0, "eos_token_id": 1,
}  # fmt: skip
UNTRACED = {
    "layers of both stacks": (T5, "sft", {"shard": 2}), "heads of a decoder": (T5, "sft", {"tensor": 2}),
    "tokens": (T5, "sft", {"context": 2}), "matrices": (BERT, "mlm", {"tensor": 2}),
    "stages": (BERT, "mlm", {"pipeline": 2}), "gradients": (BERT, "mlm", {"shard": 2, "zero": 2}),
}  # fmt: skip
UNTRACED_NOW = ("layers of both stacks", "stages")
LENGTH = 64


def untraced(name: str):
    config, loss, parallel = UNTRACED[name]
    train = {"precision": "fp32", "steps": 1, "batch_tokens": 4 * LENGTH}
    sections = {"model": {"init": config}, "objective": loss, "train": train, "parallel": parallel}
    return from_mapping(sections).run, config


def peaks_with_values(names) -> dict[str, float]:
    """Of this rank, with all others there and numbers in its tensors."""
    foreseen.FakeTensorMode = lambda **_: nullcontext()
    found = {}
    for name in names:
        run, config = untraced(name)
        made = hollow_run(run, config, World.start("cpu", 60, mesh_sizes(run.parallel, 2)))
        with torch.no_grad():
            for tensor in (*made.trained.loaded.module.parameters(), *made.trained.loaded.module.buffers()):
                tensor.fill_(0.02) if tensor.is_floating_point() else tensor.zero_()
        batch = example_batch(made.trained, (LENGTH,))
        found[name] = max(moment.total for moment in foresee(made, [batch, batch]))
    return found


@pytest.fixture(scope="module")
def with_values():
    """What ranks find, by name; of the slow cases apart."""
    made = cache(lambda is_now: on_ranks(2, peaks_with_values, [n for n in UNTRACED if (n in UNTRACED_NOW) == is_now]))
    return lambda name: [own[name] for own in made(name in UNTRACED_NOW)]


@pytest.mark.ranks
@pytest.mark.parametrize("name", some(UNTRACED, UNTRACED_NOW))
def test_a_plan_of_a_model_without_formulas_is_what_its_fullest_rank_holds(name, with_values):
    run, config = untraced(name)
    found = planned(Wanted(run, "a model", config, card("rtx-4090"), LENGTH, LENGTH, ranks=2))
    peak = max(moment.total - moment.parts["overhead"] for moment in found.memory.moments)
    assert peak == pytest.approx(max(with_values(name)), rel=0.01)
    assert found.subject.num_micro == 4 // found.subject.mesh.readers and not dist.is_initialized()
