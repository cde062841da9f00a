"""Schedules are those of transformers where there is one, and no step of a run is without effect."""

from __future__ import annotations

import pytest
import torch
from transformers import get_cosine_schedule_with_warmup, get_linear_schedule_with_warmup, get_wsd_schedule

from whet.base.catalogue import schedule

TOTAL = 20
ORACLES = {
    "linear": lambda optimizer: get_linear_schedule_with_warmup(optimizer, 0, TOTAL),
    "cosine": lambda optimizer: get_cosine_schedule_with_warmup(optimizer, 0, TOTAL),
    "wsd": lambda optimizer: get_wsd_schedule(optimizer, 0, 4, num_stable_steps=TOTAL - 4, decay_type="1-sqrt"),
}


def factors(name: str, total: int = TOTAL, **settings: float) -> list[float]:
    return [schedule.get(name).build(step, total, **settings) for step in range(total)]


@pytest.mark.parametrize("name", ORACLES)
def test_a_fall_to_zero_is_that_of_transformers(name):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    oracle = ORACLES[name](optimizer).lr_lambdas[0]
    assert factors(name, warmup=0, floor=0) == pytest.approx([oracle(step) for step in range(TOTAL)], abs=1e-12)


@pytest.mark.parametrize("name", schedule.names())
@pytest.mark.parametrize("total", [1, 2, 3, 50])
def test_no_step_has_a_factor_of_zero_and_none_is_above_one(name, total):
    floor = {"floor": 0} if "floor" in schedule.get(name).settings.model_fields else {}
    for warmup in (0, 0.03, 0.5, 3):
        assert all(0 < factor <= 1 for factor in factors(name, total, warmup=warmup, **floor))


@pytest.mark.parametrize("name", ["linear", "cosine", "wsd"])
def test_the_floor_is_what_the_step_after_the_last_would_have(name):
    build = schedule.get(name).build
    assert build(TOTAL, TOTAL, warmup=2, floor=0.25) == pytest.approx(0.25)
    assert build(TOTAL - 1, TOTAL, warmup=2, floor=0.25) > 0.25
