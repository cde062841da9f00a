"""A step that is planned without formulas is one of the run's own steps."""

from __future__ import annotations

from tests.train.test_foreseen import LLAMA
from whet.base.config import from_mapping
from whet.plan.hardware.cards import card
from whet.train.planned import Wanted, planned


def test_a_step_of_one_sample_is_one_micro_batch_of_it():
    run = from_mapping({"model": {"init": LLAMA}, "data": ["d.jsonl"], "train": {"batch_samples": 1}}).run
    found = planned(Wanted(run, "a model", LLAMA, card("rtx-4090"), 64, None)).subject
    assert (found.micro, found.num_micro, found.step_tokens) == (64, 1, 64)
