"""The cache with room to grow: what transformers' own gives, without copying what is held."""

from __future__ import annotations

import pytest
import torch
from transformers import DynamicCache

from tests.generate import tiny
from whet.models.decoding.cache import growing


def steps(cache, num):
    """Keys and values after each of `num` tokens of 2 rows, some of them repeated and chosen on the way."""
    generator = torch.Generator().manual_seed(0)
    found = []
    for step in range(num):
        if step == 5:
            cache.batch_repeat_interleave(3)
        if step == 90:
            cache.batch_select_indices(torch.tensor([0, 3, 4]))
        rows, tokens = (2 if step < 5 else 6 if step < 90 else 3), (7 if step == 0 else 1)
        fresh = [torch.randn(rows, 2, tokens, 4, generator=generator) for _ in range(2)]
        found.append([part.clone() for part in cache.update(*fresh, 0)])
    return found


def test_it_holds_what_a_cache_that_concatenates_holds():
    ours, theirs = growing(tiny.module()), DynamicCache()
    for mine, wanted in zip(steps(ours, 160), steps(theirs, 160), strict=True):
        assert torch.equal(mine[0], wanted[0]) and torch.equal(mine[1], wanted[1])
    assert ours.get_seq_length() == theirs.get_seq_length() == 166


def test_a_token_more_copies_nothing():
    cache = growing(tiny.module())
    steps(cache, 2)
    before = cache.layers[0].keys.data_ptr()
    for _ in range(60):
        cache.update(torch.ones(2, 2, 1, 4), torch.ones(2, 2, 1, 4), 0)
    assert cache.layers[0].keys.data_ptr() == before


@pytest.mark.parametrize("kind, takes", [("llama", True), ("gpt2", True), ("gemma2", False)])
def test_layers_that_keep_a_window_have_transformers_own(kind, takes):
    assert (growing(tiny.module(kind)) is not None) == takes
