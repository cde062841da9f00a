"""What a plan says that a rank holds, against the plan of ranks that cuts the model when it is trained."""

from __future__ import annotations

import math

import pytest

from whet.base.mesh import Mesh
from whet.base.parallel import Parallel
from whet.models.loading.context import BuildContext
from whet.models.probing.probes import Verdict
from whet.models.tuners.full import Full
from whet.parallel.plan import ParallelPlan
from whet.plan.hardware.cards import card
from whet.plan.job import Job
from whet.plan.memory import plan_memory
from whet.plan.models.planned import PlannedModel
from whet.plan.tracing.hollow import model_on_meta

LLAMA = {
    "model_type": "llama", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 3, "vocab_size": 512,
    "num_attention_heads": 8, "num_key_value_heads": 4, "tie_word_embeddings": False,
}  # fmt: skip
QWEN3 = {**LLAMA, "model_type": "qwen3", "head_dim": 16}
DEEPSEEK = {
    **LLAMA, "model_type": "deepseek_v3", "moe_intermediate_size": 64, "n_routed_experts": 16, "n_shared_experts": 1,
    "num_experts_per_tok": 2, "n_group": 1, "topk_group": 1, "first_k_dense_replace": 1, "num_key_value_heads": 8,
    "kv_lora_rank": 32, "q_lora_rank": 48, "qk_rope_head_dim": 8, "qk_nope_head_dim": 16, "v_head_dim": 16,
}  # fmt: skip
MESHES = [
    {"shard": 2}, {"tensor": 2}, {"shard": 2, "tensor": 4}, {"shard": 2, "context": 2}, {"replicate": 2, "shard": 2}
]  # fmt: skip
OF_EXPERTS = [{"shard": 2}, {"tensor": 2}, {"expert": 4}, {"shard": 2, "expert": 4}, {"expert": 2, "tensor": 2}]


@pytest.mark.parametrize(
    ("config", "sizes"),
    [
        *((config, sizes) for config in (LLAMA, QWEN3) for sizes in MESHES),
        *((DEEPSEEK, sizes) for sizes in OF_EXPERTS),
    ],
    ids=lambda value: value.get("model_type") or str(value),
)
def test_a_rank_holds_the_weights_that_it_is_given_when_a_run_starts(config, sizes):
    model = model_on_meta(config, BuildContext(tuner=Full(), verdict=Verdict(True, "chunked")))
    plan = ParallelPlan.of(model, Parallel(**sizes), sizes)
    named = dict(model.module.named_parameters())
    given = sum(
        4 * named[name].numel() / math.prod(plan.mesh.pieces(axis) for axis in placed)
        for name, placed in plan.placements(model.module).items()
    )
    job = Job(PlannedModel.of("a model", config), card("h100-sxm"), Mesh(**sizes), 128, 1024, 128, "fp32")
    assert plan_memory(job).moments[0].parts["weights"] == given


def test_ranks_that_have_some_of_the_tokens_keep_less_between_matrices_and_the_same_weights():
    model = PlannedModel.of("a model", LLAMA)
    for recompute in (False, True):
        found = [
            Job(
                model, card("h100-sxm"), Mesh(tensor=4, sequence=sequence), 512, 512, 512, "fp32", recompute=recompute
            )
            for sequence in (False, True)
        ]  # fmt: skip
        whole, spread = (max(m.parts.get("activations", 0.0) for m in plan_memory(job).moments) for job in found)
        assert (0.3 if recompute else 0.6) * whole < spread < (0.6 if recompute else 0.85) * whole
        first, second = (plan_memory(job).moments[0].parts["weights"] for job in found)
        assert first == second
