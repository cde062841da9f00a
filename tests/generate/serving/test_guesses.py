"""Tokens read ahead: answers stay what they are, whatever is drawn, and come in fewer steps where texts repeat."""

from __future__ import annotations

import pytest

from tests.generate import tiny
from tests.generate.serving.asked import batcher_of, told_of
from tests.generate.test_decode import PROMPTS
from whet.generate.protocol import GenerateSettings
from whet.generate.serving.guesses import Guesses
from whet.generate.serving.logits_processors import biased, penalised

AGAIN = ["one two three four five six one two three four", "a b c d e f g a b c", *PROMPTS[:2]]


FEW = biased(dict.fromkeys((40, 50, 60), 60.0))  # of three tokens any three in a row come again soon


def answered(settings, guesses, processors=(), **limits):
    """The answers, and how many steps they took."""
    each = dict.fromkeys(range(len(AGAIN)), (FEW, *processors))
    batcher, handles = batcher_of(tiny.module(), AGAIN, settings, each, guesses=guesses, **limits)
    steps = 0
    while batcher.is_busy:
        batcher.step()
        steps += 1
    return [told_of(handle) for handle in handles], steps, batcher


@pytest.mark.parametrize(
    ("settings", "processors"),
    [
        (GenerateSettings(max_new_tokens=40), ()),
        (GenerateSettings(max_new_tokens=40, temperature=0.4, seed=2), ()),
        (GenerateSettings(max_new_tokens=40, temperature=0.6, repetition_penalty=1.1, top_p=0.9, logprobs=True), ()),
        (GenerateSettings(max_new_tokens=30), (penalised(0.1, 0.1),)),
    ],
    ids=["greedy", "drawn", "penalised", "shaped"],
)
def test_answers_are_those_without_guesses(settings, processors):
    plain, steps, _ = answered(settings, 0, processors)
    guessed, fewer, batcher = answered(settings, 8, processors)
    assert guessed == plain and batcher.num_guessed > 0
    assert fewer <= steps and batcher.num_right <= batcher.num_guessed


def test_what_repeats_itself_comes_in_fewer_steps():
    """Of three tokens a greedy model makes a circle: most tokens of it are guessed rightly."""
    settings = GenerateSettings(max_new_tokens=60)
    plain, steps, _ = answered(settings, 0)
    guessed, fewer, batcher = answered(settings, 8)
    assert guessed == plain and batcher.num_right > 20 and fewer < steps


def test_a_full_cache_leaves_no_room_for_guesses():
    settings = GenerateSettings(max_new_tokens=20)
    plain, _, _ = answered(settings, 0)
    found, _, batcher = answered(settings, 8, cache_tokens=80)
    assert found == plain and all(len(one.ids) <= 80 for one in batcher.running)


def test_guesses_are_what_came_the_last_time():
    guesses = Guesses([1, 2, 3, 4, 5, 1, 2, 3])
    assert guesses.next(8) == [4, 5] and guesses.next(1) == [4] and guesses.next(0) == []
    guesses.heard(2, 2)
    assert guesses.next(8) == [4, 5, 1, 2]
    guesses.heard(4, 1)
    assert guesses.next(8) == [4]
    guesses.add(9)
    assert guesses.next(8) == []
    for token in (1, 2, 3):
        guesses.add(token)
    assert guesses.next(8) == [9]
    assert Guesses([7, 7]).next(8) == [] and Guesses([7] * 4).next(8) == [7]
