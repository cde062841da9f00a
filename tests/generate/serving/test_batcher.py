"""Which requests go on at each step: who waits, who fails, and what is given back."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
import torch

from tests.generate import tiny
from tests.generate.serving.asked import ONE, asked, batcher_of, stepped, told_of
from tests.generate.test_decode import GREEDY, PROMPTS, generated_by
from whet.generate.decode import complete
from whet.generate.prompts import stop_ids
from whet.generate.protocol import GenerateSettings
from whet.generate.serving.batcher import Batcher
from whet.generate.serving.choosing import Draws
from whet.generate.serving.entry import Entry
from whet.generate.serving.request import Handle, Limits
from whet.models.decoding import together
from whet.models.decoding.apart import Apart
from whet.models.decoding.pages import Pages
from whet.models.decoding.proof import decoding_of


def test_whoever_has_not_begun_takes_the_place_of_one_that_has_ended():
    module = tiny.module()
    module.set_attn_implementation("eager")
    batcher = Batcher(Apart(module, decoding_of(module), 128), Limits(step_tokens=1, cache_tokens=4096))
    handles = [Handle(asked(text, one)) for text, one in zip(PROMPTS, [ONE, GREEDY, GREEDY], strict=False)]
    for handle in handles:
        batcher.add(Entry(handle, tiny.tokenizer(), stop_ids(module, tiny.tokenizer()), 128))
    while batcher.is_busy:
        batcher.step()
    first, *others = generated_by("llama")[:3]
    assert [handle.completion.ids for handle in handles] == [first[:1], *others]


CACHES = [together.Together, partial(Pages, block=4)]


@pytest.mark.parametrize("kind", CACHES, ids=["rows", "blocks"])
@pytest.mark.parametrize("cache_tokens", [40, 60, 4096])
def test_whoever_had_to_wait_gets_the_answer_that_it_gets_with_room(kind, cache_tokens):
    batcher, handles = batcher_of(tiny.module(), PROMPTS, kind=kind, cache_tokens=cache_tokens, step_tokens=6)
    waited = 0
    while batcher.is_busy:
        batcher.step()
        waited += bool(batcher.waiting)
    assert [told_of(handle) for handle in handles] == generated_by("llama") and bool(waited) == (cache_tokens < 4096)


@pytest.mark.parametrize("kind", CACHES, ids=["rows", "blocks"])
def test_several_answers_to_one_prompt_read_it_once(kind):
    """Who begins alike waits for who reads it; whoever is told of the prompt's own tokens reads it all."""
    settings = GenerateSettings(max_new_tokens=8, temperature=1.0)
    batcher, handles = batcher_of(tiny.module(), ["Pack my box with five dozen liquor jugs"] * 4, settings, kind=kind)
    for number, entry in enumerate(batcher.waiting):
        entry.draws = Draws(replace(entry.handle.request, number=number))
    assert stepped(batcher) == 0
    [length] = {len(handle.request.ids) for handle in handles}
    assert [handle.num_cached for handle in handles] == [0, *[length - 1] * 3]
    assert len({tuple(told_of(handle)) for handle in handles}) == 4


@pytest.mark.parametrize("place", [0, 1, 3])
def test_whose_shape_fails_is_told_and_the_others_get_their_answers(place):
    def broken(logits_V, ids):
        if len(ids) == 3:
            raise RuntimeError("this shape is broken")
        return logits_V

    batcher, handles = batcher_of(tiny.module(), PROMPTS, processors={place: (broken,)})
    assert stepped(batcher) == 2
    expected: list = list(generated_by("llama"))
    expected[place] = "this shape is broken"
    assert [told_of(handle) for handle in handles] == expected


@pytest.mark.parametrize("most", [1, 2, 3])
def test_where_memory_is_out_for_all_together_they_wait_for_each_other(most, monkeypatch):
    batcher, handles = batcher_of(tiny.module(), PROMPTS)
    whole = together.Together.run

    def scarce(cache, parts):
        if len(parts) > most:
            raise torch.OutOfMemoryError("out of memory")
        return whole(cache, parts)

    monkeypatch.setattr(together.Together, "run", scarce)
    assert stepped(batcher) >= 2
    assert [told_of(handle) for handle in handles] == generated_by("llama")


def test_one_for_whom_memory_is_out_by_itself_is_told_and_nobody_else(monkeypatch):
    settings = GenerateSettings(max_new_tokens=12, temperature=0.8, repetition_penalty=1.2, seed=3)
    texts = [*PROMPTS[:2], "x" * 90, PROMPTS[2]]
    module = tiny.module()
    alone = complete(module, tiny.tokenizer(), [PROMPTS[0]], settings)[0].ids
    batcher, handles = batcher_of(module, texts, settings, step_tokens=16)
    whole = together.Together.run

    def scarce(cache, parts):
        if any(part.end > 60 for part in parts):
            raise torch.OutOfMemoryError("out of memory")
        return whole(cache, parts)

    monkeypatch.setattr(together.Together, "run", scarce)
    stepped(batcher)
    found = [told_of(handle) for handle in handles]
    assert found[2] == "out of memory" and found[0] == alone and all(len(one) == 12 for one in found[:2])


def test_what_was_noted_in_a_step_that_failed_is_taken_back():
    draws, logits_V = (
        Draws(asked("x", GenerateSettings(max_new_tokens=4, repetition_penalty=2.0))),
        torch.arange(1.0, 99),
    )
    draws.processed(logits_V)
    draws.take(5)
    scores_V = draws.processed(logits_V)
    draws.take(7)
    assert not torch.equal(draws.processed(logits_V), scores_V)
    draws.back_to([5])
    assert torch.equal(draws.processed(logits_V), scores_V)


def test_a_device_that_is_lost_ends_all_and_is_not_tried_for_ever(monkeypatch):
    def lost(cache, parts):
        raise RuntimeError("lost")

    batcher, handles = batcher_of(tiny.module(), PROMPTS)
    monkeypatch.setattr(together.Together, "run", lost)
    assert stepped(batcher) == 1 + len(PROMPTS)
    assert {told_of(handle) for handle in handles} == {"lost"}


def test_rows_apart_are_given_back_when_their_answers_end():
    module = tiny.module()
    module.set_attn_implementation("eager")
    cache = Apart(module, decoding_of(module), 128)
    batcher = Batcher(cache, Limits(cache_tokens=4096))
    for text, settings in zip(PROMPTS, [GREEDY, ONE, GREEDY, ONE], strict=False):
        batcher.add(Entry(Handle(asked(text, settings)), tiny.tokenizer(), frozenset(), 128))
    while batcher.is_busy:
        batcher.step()
        assert set(cache._batches) == {entry.serial for entry in batcher.running}
