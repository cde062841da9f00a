"""Memory that is foreseen, on tensors without values, is what the same steps take of tensors that have them."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from whet.base.config import from_mapping
from whet.base.mesh import Mesh
from whet.base.run import Run
from whet.kernels.quantized import Quantized
from whet.parallel.world import World
from whet.plan.hardware.cards import card
from whet.plan.job import Job
from whet.plan.memory import plan_memory
from whet.plan.models.planned import PlannedModel
from whet.plan.timeline import MemoryPlan, Stage
from whet.plan.tracing import live
from whet.plan.tracing.hollow import hollow
from whet.train import foreseen
from whet.train.foreseen import Hollow, example_batch, foresee, hollow_run

LLAMA = {
    "model_type": "llama", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 3, "vocab_size": 500,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512, "tie_word_embeddings": True,
    "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
GPT2 = {
    "model_type": "gpt2", "n_embd": 64, "n_layer": 2, "n_head": 4, "vocab_size": 500, "n_positions": 256,
    "bos_token_id": 1, "eos_token_id": 2, "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0,
}  # fmt: skip
BERT = {
    "model_type": "bert", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 500,
    "intermediate_size": 128, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0,
}  # fmt: skip
MIXED = {
    "model_type": "qwen3_moe", "hidden_size": 64, "num_hidden_layers": 2, "vocab_size": 500, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 16, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16,
    "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
CASES = {
    "llama adamw": (LLAMA, {}),
    "llama lora recompute": (LLAMA, {"tuner": {"kind": "lora", "rank": 4}, "train": {"recompute": True}}),
    "llama nf4 bf16": (LLAMA, {"tuner": "lora", "model": {"quantize": "nf4"}, "train": {"precision": "bf16"}}),
    "llama freeze muon": (LLAMA, {"tuner": {"kind": "freeze", "last": 1}, "optimizer": "muon"}),
    "llama dpo": (LLAMA, {"objective": {"kind": "dpo", "reference": "copy"}}),
    "llama reward": (LLAMA, {"objective": "reward", "optimizer": {"kind": "adamw", "state": "8bit"}}),
    "gpt2 galore": (GPT2, {"optimizer": {"kind": "galore", "rank": 8}}),
    "bert mlm": (BERT, {"objective": "mlm"}),
}


# This one stands for the others where time is short: a class of its own, and an optimizer with a state of its own.
SLOW = CASES.keys() - {"gpt2 galore"}
SMALL = 1024  # bytes: numbers that are counted and figures that are shown


def run_of(config: dict, sections: dict) -> Run:
    model, train = sections.get("model", {}), {"precision": "fp32", "steps": 1, **sections.get("train", {})}
    return from_mapping({**sections, "model": {"init": config, **model}, "train": train}).run


def with_values(run: Run, config: dict, monkeypatch) -> Hollow:
    """The same run, of tensors that hold numbers."""

    def valued(module, mode) -> None:
        hollow(module, nullcontext())
        with torch.no_grad():
            for tensor in (*module.parameters(), *module.buffers()):
                if isinstance(tensor, Quantized):
                    for part in tensor.parts.values():
                        part.zero_()
                elif tensor.is_floating_point():
                    tensor.normal_(std=0.02)
                else:
                    tensor.zero_()

    monkeypatch.setattr(foreseen, "hollow", valued)
    return replace(hollow_run(run, config), mode=nullcontext())


def told(made: Hollow) -> list[tuple]:
    batch = example_batch(made.trained, (40, 24), made.reference)
    return [(moment.phase, moment.what, moment.parts) for moment in foresee(made, [batch, batch])]


@pytest.mark.parametrize(
    ("config", "sections"),
    [pytest.param(*case, id=name, marks=[pytest.mark.slow] * (name in SLOW)) for name, case in CASES.items()],
)
def test_every_moment_of_a_step_holds_what_the_step_holds_with_values(config, sections, monkeypatch):
    run = run_of(config, sections)
    hollow_one = hollow_run(run, config)
    told(with_values(run, config, monkeypatch))  # tables that are made once are made
    expected = told(with_values(run, config, monkeypatch))
    assert {phase for phase, _, _ in expected} >= {"forward", "loss", "backward", "step"}
    for (phase, what, parts), (*place, real) in zip(told(hollow_one), expected, strict=True):
        assert [phase, what] == place
        assert parts == pytest.approx(real, abs=SMALL), place


def test_what_is_held_between_steps_is_weights_and_declared_state():
    made = hollow_run(run_of(LLAMA, {}), LLAMA)
    saved = foresee(made, [example_batch(made.trained, (32,))])[-1]
    size = 4 * sum(p.numel() for p in made.trained.loaded.module.parameters())
    assert saved.phase == "save"
    assert saved.parts["optimizer"] == pytest.approx(2 * size, abs=SMALL)
    assert saved.parts["weights"] == pytest.approx(size, rel=0.01)  # and what rotary embeddings turn by


def test_a_step_of_a_mixture_that_is_balanced_in_float32_is_foreseen():
    made = hollow_run(run_of(MIXED, {"train": {"balance": 0.01}}), MIXED)
    phases = {moment.phase for moment in foresee(made, [example_batch(made.trained, (32,))])}
    assert phases >= {"forward", "loss", "backward", "step"}


def test_a_second_look_at_the_same_run_counts_the_state_that_is_there():
    made = hollow_run(run_of(LLAMA, {}), LLAMA)
    batch = example_batch(made.trained, (32,))
    first, second = foresee(made, [batch, batch]), foresee(made, [batch, batch])
    assert {m.phase: m.total for m in second} == pytest.approx({m.phase: m.total for m in first}, abs=SMALL)


BIG = {**LLAMA, "hidden_size": 512, "intermediate_size": 1536, "num_attention_heads": 8, "vocab_size": 8000}
QWEN3 = {**BIG, "model_type": "qwen3", "head_dim": 64}


@pytest.mark.parametrize(
    ("config", "sections"),
    [
        (BIG, {}), pytest.param(QWEN3, {"train": {"recompute": True}}, marks=pytest.mark.slow),
        pytest.param(BIG, {"train": {"precision": "bf16"}}, marks=pytest.mark.slow),
        pytest.param(QWEN3, {"tuner": "lora", "train": {"precision": "bf16"}}, marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_formulas_tell_every_phase_as_a_step_does(config, sections):
    run, tokens = run_of(config, sections), 1024
    made = hollow_run(run, config)
    batch = example_batch(made.trained, (tokens,))
    step = {moment.phase: moment.total for moment in MemoryPlan(Stage("", ()), foresee(made, [batch, batch])).phases()}
    run = run.model_copy(update={"train": run.train.model_copy(update={"batch_tokens": 2 * tokens})})
    processor = replace(card("rtx-4090"), kind="cpu")
    job = Job.of(run, PlannedModel.of("a model", config), processor, Mesh(), length=tokens, micro=tokens)
    formulas = {moment.phase: moment.total - moment.parts["overhead"] for moment in plan_memory(job).phases()}
    for phase in ("forward", "loss", "backward", "step"):
        assert formulas[phase] == pytest.approx(step[phase], rel=0.02), phase
    assert max(formulas.values()) == pytest.approx(max(step.values()), rel=0.01)


@pytest.mark.parametrize(
    "left, right, grouped", [((16, 8), (2, 8, 16), True), ((8, 16), (16, 8), True), ((2, 8, 8), (2, 8, 16), False)]
)
def test_products_of_groups_have_the_shape_that_they_have_with_values(left, right, grouped):
    ends = torch.tensor([8, 16], dtype=torch.int32) if grouped else None
    expected = torch.nn.functional.grouped_mm(torch.ones(left), torch.ones(right), offs=ends)
    with FakeTensorMode(allow_non_fake_inputs=True), live.watched(live.Timeline()):
        found = torch.nn.functional.grouped_mm(torch.empty(left), torch.empty(right), offs=ends)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)


WIDE = {**LLAMA, "hidden_size": 64, "intermediate_size": 256, "vocab_size": 200, "num_hidden_layers": 4}


def held(**settings) -> tuple[float, float]:
    """Activations of a step at its loss, and state between steps."""
    made = hollow_run(run_of(WIDE, {"train": settings}), WIDE)
    moments = foresee(made, [example_batch(made.trained, (200,))] * 2)
    parts = {one.phase: one.parts for one in moments}
    return parts["loss"]["activations"], parts["save"].get("optimizer", 0.0)


def test_what_leaves_the_device_is_not_foreseen_on_it():
    (activations, state), (others, left) = held(), held(offload={"activations": True, "optimizer": 1.0})
    assert others < 0.3 * activations and left < 0.1 * state


def test_a_teacher_that_is_asked_in_every_step_lies_beside_and_one_that_has_told_does_not():
    def beside(device: str = "cpu", **settings) -> float:
        objective = {"kind": "distill", "teacher": {"init": GPT2}, **settings}
        made = hollow_run(run_of(LLAMA, {"objective": objective}), LLAMA, device=device)
        found = foresee(made, [example_batch(made.trained, (32,))])
        assert {one.parts.get("beside", 0.0) for one in found} == {found[0].parts.get("beside", 0.0)}
        return found[0].parts.get("beside", 0.0)

    width, layer = 64, 12 * 64 * 64 + 13 * 64
    numbers = (500 + 256) * width + 2 * layer + 2 * width
    assert beside() == pytest.approx(4 * numbers, rel=0.01) and beside() == pytest.approx(2 * beside("cuda"), rel=0.01)
    assert beside("cuda", precision="fp32") == beside()
    assert beside(top=8) == 0


@pytest.mark.slow
def test_what_is_kept_in_fewer_bits_or_not_at_all_is_foreseen():
    (activations, state), selective, narrow = held(), held(recompute="selective"), held(fp8="tensorwise")
    assert selective[0] < 0.8 * activations and narrow[0] < 0.9 * activations
    assert selective[1] == narrow[1] == state


@pytest.mark.slow
def test_formulas_tell_of_weights_on_the_host_of_one_rank_what_a_step_of_it_takes():
    run, world = run_of(WIDE, {"train": {"offload": {"weights": True}}}), World.alone(torch.device("cpu"))
    made = hollow_run(run, WIDE, world)
    seen = max(foresee(made, [example_batch(made.trained, [64])] * 2), key=lambda moment: moment.total)
    world.leave()
    where = replace(card("h100-sxm"), kind="cpu")
    job = Job.of(run, PlannedModel.of("wide", WIDE), where, Mesh(), length=64, micro=64)
    told = plan_memory(replace(job, step_tokens=128)).peak
    assert str(told) == str(seen) and told.total - told.parts["overhead"] == pytest.approx(seen.total, rel=0.05)
