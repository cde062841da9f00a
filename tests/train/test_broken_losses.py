"""A loss that is not finite stops the run before the update; large weights do not."""

from __future__ import annotations

import pytest
import torch

from tests.tiny import config
from whet.base.config import from_mapping
from whet.parallel.norm import num_not_finite
from whet.train.build import assemble


@pytest.mark.parametrize(("value", "said"), [(1e17, "not finite"), (float("nan"), "the run began with")])
def test_a_loss_that_is_not_finite_stops_the_run_before_the_update(tmp_path, value, said):
    built = assemble(from_mapping(config(tmp_path, name="nan")))
    with torch.no_grad():
        for parameter in built.loaded.module.parameters():
            parameter.fill_(value)
    ended = built.loop.run()
    assert ended.outcome == "failed" and said in ended.reason and ended.step == 0
    assert not list((tmp_path / "runs" / "nan" / "checkpoints").glob("step-*"))


def test_large_weights_are_not_taken_for_broken_ones(tmp_path):
    """Their squares are infinite in float32."""
    executor = assemble(from_mapping(config(tmp_path, name="large"))).loop.executor
    weights = list(executor.module.parameters())
    with torch.no_grad():
        weights[0].view(-1)[0], weights[1].view(-1)[0] = 1e25, -3e38
    assert num_not_finite(weights, executor.world) == 2 and executor.broken() == [] and executor._num_broken() == 0
    with torch.no_grad():
        weights[0].view(-1)[1], weights[2].view(-1)[0] = float("inf"), float("nan")
    assert len(executor.broken()) == executor._num_broken() == 2
