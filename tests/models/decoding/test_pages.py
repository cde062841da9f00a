"""Keys and values in blocks: each sequence gets what a forward of its own gives, and holds no more than it fills."""

from __future__ import annotations

import random

import pytest
import torch

from tests.generate import tiny
from tests.sweeps import some
from whet.base.seeds import forked
from whet.kernels.attention import dense_attention
from whet.kernels.attention_spec import Form
from whet.models.decoding import blocks
from whet.models.decoding.block_attention import BlockPlan, block_attention
from whet.models.decoding.blocks import Layer, Table
from whet.models.decoding.pages import Pages
from whet.models.decoding.sequences import Beginning, Part, alike
from whet.models.forward import attention

WINDOW = 6
HYBRID = {
    **tiny.SHAPE, "num_hidden_layers": 3, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 128,
    "sliding_window": WINDOW, "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
}  # fmt: skip
SINKS = {
    **tiny.SHAPE, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 128, "num_local_experts": 4,
    "sliding_window": WINDOW, "rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0},
}  # fmt: skip
KINDS = {"gemma3_text": HYBRID, "gpt_oss": SINKS, **tiny.CONFIGS}


def module_of(kind, monkeypatch):
    attention.register()
    monkeypatch.setitem(tiny.CONFIGS, kind, KINDS[kind])
    module = tiny.module(kind)
    module.set_attn_implementation(attention.NAME)
    return module


def plain(module, ids):
    """Logits (T, V) of a forward over the text alone."""
    with torch.no_grad():
        return module(torch.tensor([ids]), use_cache=False).logits[0].float()


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("kind", some(KINDS, ["llama", "gemma2", "gemma3_text", "gpt_oss"]))
def test_whatever_comes_goes_and_begins_alike_gets_the_logits_of_its_own_forward(kind, seed, monkeypatch):
    """Sequences that come, grow by pieces, go back by guesses that were wrong, leave, and begin as others did."""
    module, chance = module_of(kind, monkeypatch), random.Random(seed)
    cache = Pages(module, 0, 120, block=4)
    texts: dict[int, list[int]] = {}
    read: dict[int, int] = {}
    old: list[list[int]] = []
    num_shared = 0
    for turn in range(40):
        if len(texts) < 12 and chance.random() < 0.6:
            beginning = chance.choice([*old, *texts.values()])[: chance.randrange(4, 40)] if old or texts else []
            texts[turn] = beginning + [chance.randrange(3, 300) for _ in range(chance.randrange(1, 12))]
            read[turn] = cache.begin(turn, Beginning(texts[turn]))
            num_shared += read[turn] > 0
            assert read[turn] < len(texts[turn])
        for key in [key for key in texts if len(texts[key]) > 50 or chance.random() < 0.07]:
            cache.leave(key, read.pop(key))
            old.append(texts.pop(key))
        parts = []
        for key in texts:
            left = len(texts[key]) - read[key]
            count = left if left == 1 else chance.randrange(1, left + 1)
            parts.append(Part(key, read[key], texts[key][read[key] : read[key] + count], count))
        for part, found in zip(parts, cache.run(parts) if parts else [], strict=True):
            expected = plain(module, texts[part.key][: part.end])[part.start :]
            torch.testing.assert_close(found, expected, atol=2e-4, rtol=2e-4)
            read[part.key] = part.end if chance.random() < 0.8 else max(part.start, part.end - 2)
            if read[part.key] == len(texts[part.key]):
                texts[part.key].append(chance.randrange(3, 300))
            elif read[part.key] < part.end:  # the guess was wrong: another token comes
                texts[part.key][read[part.key] :] = [chance.randrange(3, 300)]
                read[part.key] = min(read[part.key], len(texts[part.key]) - 1)
    assert num_shared > 3
    for key in list(texts):
        cache.leave(key, 0)
    while cache._kept:
        cache._drop(next(iter(cache._kept)))
    for group in cache._groups.values():
        assert not any(group._num_holders) and group._free.count(1) == group.count


def run_whole(cache, key, ids):
    known = cache.begin(key, Beginning(ids))
    cache.run([Part(key, known, ids[known:])])
    return known


def blocks_held(cache, window=None):
    return cache._groups[window].count - cache._groups[window]._free.count(1)


def test_a_beginning_is_held_once_and_its_last_block_copied_by_who_goes_on(monkeypatch):
    cache = Pages(module_of("llama", monkeypatch), block=4)
    ids = list(range(10, 24))  # three blocks and a half
    run_whole(cache, 0, ids)
    assert blocks_held(cache) == 4
    assert run_whole(cache, 1, [*ids, 30]) == 14
    assert blocks_held(cache) == 5  # three that both hold, and a last one each
    cache.run([Part(0, 14, [40]), Part(1, 15, [41])])
    cache.leave(0, 15)
    assert blocks_held(cache) == 5
    assert run_whole(cache, 2, [*ids, 40, 50]) == 15  # from the end of one that is kept, whose blocks it takes
    assert blocks_held(cache) == 5 and not cache._kept


def test_layers_that_see_a_window_hold_no_blocks_before_it(monkeypatch):
    cache = Pages(module_of("gemma3_text", monkeypatch), block=4)
    run_whole(cache, 0, list(range(10, 50)))
    cache.run([Part(0, 40, [50])])
    assert (blocks_held(cache), blocks_held(cache, WINDOW)) == (11, 3)
    assert cache.begin(1, Beginning([*range(10, 30), 60])) == 0  # what it would see in its windows is gone
    assert cache.begin(2, Beginning([*range(10, 50), 60])) == 40


def test_room_is_counted_by_what_each_holds(monkeypatch):
    cache = Pages(module_of("llama", monkeypatch), 0, 64, block=4)
    long, short = list(range(10, 50)), [5, 6, 7]
    run_whole(cache, 0, long)
    assert cache.fits({0: 41}, Beginning(short)) and not cache.fits({0: 41}, Beginning(list(range(60, 85))))
    assert cache.fits({0: 41}, Beginning([*long, 5]))  # all but its last tokens are there
    for key in range(1, 6):
        cache.begin(key, Beginning(short))
    lengths = {0: 41, **dict.fromkeys(range(1, 6), 4)}
    assert cache.fits(lengths) and not cache.fits({**lengths, 1: 5})
    assert cache.spare({0: 41, 1: 4}) == 8
    cache.run([Part(key, 0, short) for key in range(1, 6)])
    cache.leave(0, 40)
    run_whole(cache, 7, list(range(60, 98)))  # what is kept makes room
    assert not cache._kept and cache._groups[None].count <= 16


def test_layers_without_a_window_count_for_all_and_those_with_one_for_little(monkeypatch):
    cache = Pages(module_of("gemma3_text", monkeypatch), 0, 64, block=4)
    run_whole(cache, 0, list(range(10, 60)))
    cache.run([Part(0, 50, [5])])
    assert cache.fits({0: 52}, Beginning(list(range(60, 90))))  # (13 + 2 x 2 + 8 + 2 x 3) of 48 blocks


def test_what_is_kept_of_those_that_ended_is_no_more_than_what_goes_on(monkeypatch):
    monkeypatch.setattr(blocks, "_LEAST", 4)
    cache = Pages(module_of("llama", monkeypatch), block=4)
    counts = []
    for key in range(12):
        run_whole(cache, key, [key + 10] * 30)
        counts.append(cache._groups[None].count)
        cache.leave(key, 30)
    assert len(set(counts[3:])) == 1 and cache._kept


def test_what_a_failed_one_held_is_wiped(monkeypatch):
    cache = Pages(module_of("llama", monkeypatch), block=4)
    run_whole(cache, 0, list(range(10, 30)))
    for layer in cache._groups[None].layers.values():
        layer.keys.fill_(torch.nan)
        layer.values.fill_(torch.nan)
    cache.leave(0, 0)
    assert not cache._kept
    run_whole(cache, 1, [5, 6])
    [logits] = cache.run([Part(1, 2, [7])])
    assert not logits.isnan().any()


@pytest.mark.parametrize("window", [None, 21])
@pytest.mark.parametrize("form", [{}, {"softcap": 3.0}, {"sinks": True}, {"slopes": True}, {"scale": 0.3}], ids=str)
def test_attention_over_blocks_is_that_over_each_sequence(window, form):
    """Scattered blocks and such side by side, with and without others between, some held by two and three."""
    size, heads, groups, dim = 4, 2, 3, 8
    ends, ids = [26, 26, 30, 3, 9], []
    free = [*range(8), 10, 12, *range(20, 30), 31, *range(34, 44)]
    for number, end in enumerate(ends):
        own = [free.pop(0) for _ in range(-(-end // size))]
        ids.append([*ids[0][:5], *own[5:]] if number in (1, 2) else own)
    if window is not None:
        tables = [
            Table(own[max(0, end - window) // size :], max(0, end - window) // size)
            for own, end in zip(ids, ends, strict=True)
        ]
    else:
        tables = [Table(own) for own in ids]
    with forked("blocks", "attention"):
        layer = Layer(torch.randn(44, heads, size, dim), torch.randn(44, heads, size, dim))
        query = torch.randn(len(ends), heads * groups, dim)
        given = {name: torch.randn(heads * groups) if value is True else value for name, value in form.items()}
    own_form = Form(window=window, **given)
    found = block_attention(query, layer, BlockPlan(tables, ends, window, size, query.device), own_form)
    for number, (table, end) in enumerate(zip(tables, ends, strict=True)):
        first = 0 if window is None else max(0, end - window)
        keys, values = (
            store[table.ids]
            .transpose(0, 1)
            .flatten(1, 2)[None, :, first - table.first * size : end - table.first * size]
            for store in (layer.keys, layer.values)
        )
        expected = dense_attention(query[None, number, :, None], keys, values, None, False, own_form)[0, :, 0]
        torch.testing.assert_close(found[number], expected)


def test_texts_are_alike_up_to_the_first_token_that_differs():
    assert [
        alike([1, 2, 3], other, most) for other, most in (([1, 2, 4], 9), ([1, 2, 3, 4], 9), ([1, 2], 1), ([], 3))
    ] == [2, 3, 1, 0]
