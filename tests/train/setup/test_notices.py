"""What a run says of itself."""

from __future__ import annotations

from torch import nn

from tests.models.architectures import tiny_model
from whet.train.setup.notices import on_noise


def test_a_model_with_dropout_says_that_noise_depends_on_the_split():
    by_config, by_module = tiny_model("gpt2", None), nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.1))
    assert by_config.config.attn_pdrop > 0
    for module in (by_config, by_module):
        assert "in expectation only" in next(on_noise(module))
    assert list(on_noise(nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.0)))) == []
