"""Labels that are drawn from the model: of its own distribution, and the same ones however a step is split."""

from __future__ import annotations

import torch

from tests.models.batches import packed, random_samples
from whet.contracts.model import Readout
from whet.models.forward.language import _drawn
from whet.train.step.relabel import draws

SAMPLES = random_samples([5, 9, 3], 100)


def test_a_sample_has_the_same_draws_in_any_row_and_others_in_another_step():
    together = draws(packed(SAMPLES), 0, 4)
    apart = torch.cat([draws(packed([sample]), 0, 4) for sample in SAMPLES])
    assert torch.equal(together, apart)
    assert len(together.unique()) == len(together) == sum(len(sample) - 1 for sample in SAMPLES)
    assert not torch.isin(draws(packed(SAMPLES), 0, 5), together).any()
    assert not torch.isin(draws(packed(SAMPLES), 1, 4), together).any()


def test_a_token_is_drawn_by_its_share():
    """Of draws that lie evenly in [0, 1) each token gets as many as its probability says."""
    logits_V = torch.tensor([0.3, -1.0, 2.0, -torch.inf, 0.0])
    number = 100_000
    even = (torch.arange(number, dtype=torch.float64) + 0.5) / number
    found = torch.bincount(_drawn(logits_V.expand(number, -1), even), minlength=5) / number
    torch.testing.assert_close(found, torch.softmax(logits_V, -1), rtol=0, atol=2 / number)


def test_draws_go_with_their_positions():
    assert torch.equal(Readout(draws=torch.arange(4.0)).part(slice(1, 3)).draws, torch.tensor([1.0, 2.0]))
