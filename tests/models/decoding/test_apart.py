"""Sequences that no packed forward takes: batches that begin together, with the plain forward as the oracle."""

from __future__ import annotations

import pytest
import torch

from tests.generate import tiny
from whet.models.decoding.apart import Apart
from whet.models.decoding.proof import decoding_of
from whet.models.decoding.sequences import Beginning, Part

TEXTS = [[5, 6, 7, 8, 9], [20, 21], [5, 6, 7, 8, 9], [30, 31, 32]]


@pytest.fixture
def module():
    module = tiny.module()
    module.set_attn_implementation("eager")
    return module


def plain(module, ids):
    with torch.no_grad():
        return module(torch.tensor([ids])).logits[0, -1]


def begun(cache, texts, first=0):
    for key, text in enumerate(texts, first):
        assert cache.begin(key, Beginning(text)) == 0
    return [Part(key, 0, text) for key, text in enumerate(texts, first)]


def calls_of(module):
    shapes = []
    module.get_input_embeddings().register_forward_pre_hook(lambda _, args: shapes.append(tuple(args[0].shape)))
    return shapes


def test_those_that_begin_together_share_forwards_and_a_text_that_several_begin_with_is_read_once(module):
    cache, texts = Apart(module, decoding_of(module), 128), [list(text) for text in TEXTS]
    parts, shapes = begun(cache, texts), calls_of(module)
    for step in range(4):
        found = cache.run(parts)
        for logits_1V, text in zip(found, texts, strict=True):
            torch.testing.assert_close(logits_1V[0], plain(module, text), rtol=1e-4, atol=1e-4)
        parts = [Part(key, len(text), [40 + key + step]) for key, text in enumerate(texts)]
        for part, text in zip(parts, texts, strict=True):
            text += part.ids
    decoded = [shape for shape in shapes if shape[0] > 1]
    assert decoded == [(3, 5), (4, 1), (4, 1), (4, 1)]


def test_one_that_left_and_one_that_came_later_leave_the_others_as_they_are(module):
    cache, texts = Apart(module, decoding_of(module), 128), [list(text) for text in TEXTS]
    cache.run(begun(cache, texts))
    for step in range(3):
        cache.leave(step, len(texts[step]))  # one after the other, until rows are dropped
        own = list(range(step + 1, len(TEXTS)))
        for key in own:
            texts[key].append(50 + key)
        parts = [Part(key, len(texts[key]) - 1, texts[key][-1:]) for key in own]
        late = [60 + step, 61, 62]
        found = cache.run([*parts, *begun(cache, [late], 10 + step)])
        for logits_1V, text in zip(found, [*(texts[key] for key in own), late], strict=True):
            torch.testing.assert_close(logits_1V[0], plain(module, text), rtol=1e-4, atol=1e-4)
        cache.leave(10 + step, 3)


def test_ranks_with_fewer_batches_run_the_module_as_often_as_the_others(module):
    shapes = calls_of(module)
    cache = Apart(module, decoding_of(module), 128, most=lambda number: max(number, 3))
    [found] = cache.run(begun(cache, [[5, 6, 7]]))
    torch.testing.assert_close(found[0], plain(module, [5, 6, 7]), rtol=1e-4, atol=1e-4)
    assert shapes[:3] == [(1, 3), (1, 1), (1, 1)]
