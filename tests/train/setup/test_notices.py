"""What a run says of itself."""

from __future__ import annotations

import pytest
from torch import nn

from tests.models.architectures import tiny_model
from whet.base.config import from_mapping
from whet.train.setup.notices import on_noise, on_schedule


def test_a_model_with_dropout_says_that_noise_depends_on_the_split():
    by_config, by_module = tiny_model("gpt2", None), nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.1))
    assert by_config.config.attn_pdrop > 0
    for module in (by_config, by_module):
        assert "in expectation only" in next(on_noise(module))
    assert list(on_noise(nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.0)))) == []


@pytest.mark.parametrize(
    ("schedule", "steps", "is_said"),
    [
        ({"kind": "cosine", "warmup": 10}, 10, True),
        ({"kind": "constant", "warmup": 10}, 5, True),
        ({"kind": "linear", "warmup": 0.99}, 5, True),
        ({"kind": "inverse-sqrt", "warmup": 10}, 10, True),
        ({"kind": "linear", "warmup": 9}, 10, False),
        ({"kind": "wsd", "warmup": 0.99}, 5, True),
        ("cosine", 1, False),
        ({"kind": "constant", "warmup": 3}, 1, True),
        ("constant", 3, False),
        ({"kind": "wsd", "decay": 0.0}, 3, False),
    ],
)
def test_a_rate_that_never_reaches_its_peak_is_said_of_any_schedule(schedule, steps, is_said):
    run = from_mapping({"model": "m", "schedule": schedule, "train": {"steps": steps}}).run
    assert any("still rises at the last of" in text for text in on_schedule(run)) == is_said
