"""A step that is planned without formulas is one of the run's own steps."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch.distributed as dist

from tests.train.test_foreseen import LLAMA
from whet.base.config import from_mapping
from whet.base.errors import RunError
from whet.plan.hardware.cards import card, cards
from whet.train.foreseen import hollow_run
from whet.train.planned import Wanted, planned


def in_8_bits(recipe):
    train = {"fp8": recipe, "precision": "bf16"}
    return from_mapping({"model": {"init": LLAMA}, "data": ["d.jsonl"], "train": train}).run


def test_products_in_8_bits_are_refused_by_the_card_and_not_by_who_plans():
    run = in_8_bits("mxfp8")  # which no CPU has
    assert hollow_run(run, LLAMA).trained.run is run
    for other in ("rtx-3090", "h100-sxm", "m2-max-38c-64gb", "mi300x"):
        with pytest.raises(RunError, match="`train.fp8: mxfp8`"):
            planned(Wanted(run, "a model", LLAMA, card(other), 64, 64))


@pytest.mark.slow
@pytest.mark.parametrize(("recipe", "gpu"), [("mxfp8", "b200"), ("tensorwise", "rtx-4090")])
def test_products_in_8_bits_are_planned_for_a_card_that_has_them(recipe, gpu):
    assert planned(Wanted(in_8_bits(recipe), "a model", LLAMA, card(gpu), 64, 64)).fits


def test_every_card_of_nvidia_has_a_capability_and_no_other():
    assert all((one.capability is not None) == (one.vendor == "nvidia") for one in cards().values())


def test_a_step_of_one_sample_is_one_micro_batch_of_it():
    run = from_mapping({"model": {"init": LLAMA}, "data": ["d.jsonl"], "train": {"batch_samples": 1}}).run
    found = planned(Wanted(run, "a model", LLAMA, card("rtx-4090"), 64, None)).subject
    assert (found.micro, found.num_micro, found.step_tokens) == (64, 1, 64)


def test_weights_that_lie_on_the_host_are_not_planned_for_the_card():
    """Of a way that no formulas tell of, on one rank; on a CPU the host is where they lie anyway."""
    sections = {"model": {"init": LLAMA}, "data": ["d.jsonl"], "train": {"recompute": "selective"}}
    sections["train"]["offload"] = {"weights": True}
    run = from_mapping(sections).run
    parts, host = {}, {}
    for name, which in {"card": card("rtx-4090"), "here": replace(card("rtx-4090"), kind="cpu")}.items():
        found = planned(Wanted(run, "a model", LLAMA, which, 64, 64)).memory
        parts[name], host[name] = found.peak.parts, found.host_bytes
    held = 4 * sum(p.numel() for p in hollow_run(run, LLAMA).trained.loaded.module.parameters())
    assert parts["here"]["weights"] == pytest.approx(held, rel=0.01) and host["here"] == 0
    assert parts["card"].get("weights", 0) < 0.01 * held and host["card"] == pytest.approx(4 * held, rel=0.01)
    assert not {"gradients", "optimizer"} & parts["card"].keys() and not dist.is_initialized()
