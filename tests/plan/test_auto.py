"""What a config leaves to the plan: the mesh that talks least, the most tokens that fit, each with the arithmetic."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from whet.base.errors import ConfigError
from whet.base.mesh import Mesh
from whet.base.parallel import Parallel
from whet.plan.auto import Budget, beyond, chosen_mesh, tokens_at_once
from whet.plan.decide import STEP
from whet.plan.hardware.cards import card
from whet.plan.job import Job
from whet.plan.memory import plan_memory
from whet.plan.models.planned import PlannedModel

GIB = 2**30
JOB = Job(
    PlannedModel.find("llama-3.1-8b"), card("h100-sxm"), Mesh(), 2048, 2**20, 2048, "bf16-pure", "full", 0,
    recompute=True,
)  # fmt: skip


def nothing(mesh: Mesh) -> str | None:
    return None


def test_the_first_mesh_that_holds_a_sample_is_taken_and_its_parts_add_up():
    found = chosen_mesh(JOB, 8, Parallel(mesh="auto"), nothing, Budget(JOB.card.usable_bytes, "the card"))
    assert found.mesh == Mesh(shard=8)
    peak = plan_memory(JOB.on(found.mesh)).peak
    assert f"{peak.total / GIB:.4g} GiB at its peak" in found.words
    shown = [float(num) for num in re.findall(r"([\d.]+) GiB(?= \+|\) of)", found.words)]
    small = sum(float(num) / 1024 for num in re.findall(r"([\d.]+) MiB(?= \+|\) of)", found.words))
    assert sum(shown) + small == pytest.approx(peak.total / GIB, rel=1e-3)


def test_where_sharding_alone_does_not_fit_ranks_share_layers_too():
    alone = plan_memory(JOB.on(Mesh(shard=8))).peak.total
    found = chosen_mesh(JOB, 8, Parallel(mesh="auto"), nothing, Budget(alone - 1, "less"))
    assert found.mesh.tensor > 1 and plan_memory(JOB.on(found.mesh)).peak.total < alone
    assert "passed over: shard 8, zero 3 takes" in found.words


def test_sizes_that_are_given_stay_and_what_the_run_refuses_is_passed_over():
    told = Parallel(mesh="auto", tensor=2, zero=2)
    found = chosen_mesh(JOB, 8, told, nothing, Budget(JOB.card.usable_bytes, "the card"))
    assert found.mesh == Mesh(shard=4, tensor=2, zero=2)
    found = chosen_mesh(
        JOB, 8, Parallel(mesh="auto"), lambda mesh: "no" if mesh.tensor == 1 else None, Budget(1e15, "")
    )
    assert found.mesh.tensor > 1 and "shard 8, zero 3 no" in found.words


@pytest.mark.parametrize(
    ("told", "refused", "num_bytes", "said"),
    [
        (Parallel(mesh="auto"), nothing, GIB, "on which a sample of 2,048 tokens fits: the least is"),
        (Parallel(mesh="auto", tensor=3), nothing, 1e15, "with the sizes that are given: 32 heads, 32 layers"),
        (Parallel(mesh="auto", replicate=3), nothing, 1e15, "with the sizes that are given"),
        (Parallel(mesh="auto"), lambda mesh: "because", 1e15, "that the run goes with; shard 8, zero 3: because"),
    ],
)
def test_where_nothing_can_be_taken_the_arithmetic_is_told(told, refused, num_bytes, said):
    with pytest.raises(ConfigError) as error:
        chosen_mesh(JOB, 8, told, refused, Budget(num_bytes, "all"))
    assert said in error.value.message and error.value.at == "parallel" and error.value.hint


@pytest.mark.parametrize("gib", [5, 10, 20, 30])
def test_tokens_at_once_fit_and_a_step_more_does_not(gib):
    job = replace(JOB, tuner="lora", rank=16, step_tokens=2**18)
    found = tokens_at_once(job, Budget(gib * GIB, "all"))
    fits = [
        beyond(plan_memory(replace(job, micro=tokens))) <= gib * GIB for tokens in (found.tokens, found.tokens + STEP)
    ]
    assert fits == [True, False], found.words
    assert f"{found.tokens + STEP:,} would take" in found.words


def test_less_than_the_longest_sample_is_never_taken_and_that_is_told():
    found = tokens_at_once(JOB, Budget(1.0, "nothing"))
    assert found.tokens == 2048 and "fewer are not possible" in found.words
    found = tokens_at_once(replace(JOB, step_tokens=4096), Budget(1e15, "all"))
    assert found.tokens == 4096 and "a step has no more on a rank" in found.words
    found = tokens_at_once(replace(JOB, card=card("epyc-7763-512gb")), Budget(1e15, "all"))
    assert found.tokens == 4096 and "a CPU gains from no more" in found.words


def test_auto_is_a_word_for_the_whole_section():
    assert Parallel.model_validate("auto") == Parallel(mesh="auto")
