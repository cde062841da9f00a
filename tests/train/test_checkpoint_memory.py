"""What a plan says that checkpoints take is what a checkpoint of the run holds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.train.test_foreseen import LLAMA, run_of, with_values
from whet.base.mesh import Mesh
from whet.optim.groups import ParamGroups
from whet.plan.hardware.cards import card
from whet.plan.job import Job
from whet.plan.memory import plan_memory
from whet.plan.models.planned import PlannedModel
from whet.plan.timeline import MemoryPlan
from whet.train.checkpoint_memory import copied_bytes
from whet.train.checkpoints.checkpoint import Checkpoints
from whet.train.checkpoints.optimizer_state import NamedOptimizer
from whet.train.checkpoints.tensor_files import TensorFiles
from whet.train.foreseen import example_batch
from whet.train.planned import Wanted, planned

CPU, GPU = "epyc-7763-512gb", "rtx-4090"
BESIDE = {"train": {"async_checkpoint": True, "precision": "fp32"}}
LORA = {"tuner": {"kind": "lora", "rank": 4}}
LENGTH = 64


@pytest.mark.parametrize("sections", [{}, LORA, {"optimizer": "muon"}], ids=["all", "lora", "muon"])
def test_the_copy_has_the_bytes_of_all_tensors_that_are_written(sections, tmp_path, monkeypatch):
    run = run_of(LLAMA, BESIDE | sections)
    trained = with_values(run, LLAMA, monkeypatch).trained
    batch, loaded = example_batch(trained, (LENGTH,)), trained.loaded
    trained.executor.step(0, [batch], trained.executor.weigh([batch], {})[0], 1.0)
    named = NamedOptimizer(trained.optimizer, ParamGroups.of(loaded.module, loaded.roles).names())
    written = Checkpoints(tmp_path, loaded.module, named, {}, trained.world, 1, trained.untouched).save(1)
    entries = TensorFiles(written).read_metadata().state_dict_metadata.values()
    assert copied_bytes(run, trained) == sum(entry.size.numel() * entry.properties.dtype.itemsize for entry in entries)
    assert copied_bytes(run_of(LLAMA, sections), trained) == 0


def by_a_step(gpu: str, sections: dict) -> MemoryPlan:
    run = run_of(LLAMA, sections)
    return planned(Wanted(run, "a model", LLAMA, card(gpu), LENGTH, LENGTH)).memory


def by_formulas(gpu: str, sections: dict) -> MemoryPlan:
    job = Job.of(
        run_of(LLAMA, sections), PlannedModel.of("a model", LLAMA), card(gpu), Mesh(), length=LENGTH, micro=LENGTH
    )
    return plan_memory(replace(job, step_tokens=2 * LENGTH))


@pytest.mark.parametrize("plan", [by_a_step, by_formulas])
def test_a_copy_lies_beside_every_moment_on_a_processor_and_on_the_host_of_a_card(plan):
    for sections, kept in (({}, ("weights", "optimizer")), (LORA, ("optimizer",))):
        plain, copied = plan(CPU, sections), plan(CPU, BESIDE | sections)
        copy = copied.peak.parts["beside"]
        assert [two.total - one.total for one, two in zip(plain.moments, copied.moments, strict=True)] == pytest.approx(
            [copy] * len(plain.moments)
        )
        held = plain.moments[-1].parts
        learned = held["optimizer"] / 2 if kept == ("optimizer",) else held["weights"]
        assert copy == pytest.approx(held["optimizer"] + learned, rel=0.01)
        on_a_card = plan(GPU, BESIDE | sections)
        assert "beside" not in on_a_card.peak.parts
        assert on_a_card.host_bytes - plan(GPU, sections).host_bytes == pytest.approx(copy, rel=0.01)


def test_what_is_offloaded_of_a_step_is_counted_on_the_host():
    offloaded = by_a_step(GPU, {"train": {"offload": {"optimizer": 1.0, "activations": True}}})
    plain = by_a_step(GPU, {})
    state = plain.moments[-1].parts["optimizer"]
    gone = plain.peak.parts["activations"] - offloaded.peak.parts["activations"]
    assert state < offloaded.host_bytes <= state + 1.1 * plain.peak.parts["activations"]
    assert gone > 0 and by_a_step(GPU, {}).host_bytes == 0
