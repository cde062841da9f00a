"""Masking: how many tokens, what becomes of them, and what the draw depends on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.marked import WORDS, bert_tokenizer
from whet.base.errors import ModelError
from whet.contracts.rows import Text
from whet.contracts.sample import Origin, Sample
from whet.data.render.chunks import WORD
from whet.data.transforms.masking import Masking

TOKENIZER = bert_tokenizer()
MASK = TOKENIZER.mask_token_id
SETTINGS = {"rate": 0.15, "whole_words": False, "mask_share": 0.8, "random_share": 0.1}


def masking(seed: int = 0, **settings) -> Masking:
    return Masking.of(TOKENIZER, seed, **{**SETTINGS, **settings})


def passage(length: int = 40, row: int = 0, **settings) -> Sample:
    text = " ".join(WORDS[(i * i + row) % 20] for i in range(length))
    recipe = masking(**settings).recipe(frozenset({"text"}), length + 2, "auto", None)
    return recipe("file", [(row, Text(text))])[0][0]


def test_so_many_tokens_are_to_be_filled_in_and_only_where_tokens_were():
    sample = passage(40)
    found = masking().draw(sample, 0)
    assert found.weights.sum() == 6
    assert found.weights[0] == found.weights[-1] == 0
    assert found.targets.tolist() == sample.ids.tolist()
    assert (found.ids == sample.ids)[found.weights == 0].all()


def test_chosen_tokens_become_the_mask_another_token_or_stay_in_the_shares_asked():
    ids = np.full(30_000, TOKENIZER.convert_tokens_to_ids("oak"), np.int32)
    sample = Sample(ids, np.ones(len(ids), np.float32), origin=Origin("f", 0), is_in_place=True)
    found = masking(rate=0.5).draw(sample, 0)
    chosen = found.ids[found.weights > 0]
    assert len(chosen) == 15_000
    shares = [np.mean(chosen == MASK), np.mean((chosen != MASK) & (chosen != ids[0])), np.mean(chosen == ids[0])]
    # Three standard deviations of a share of 15,000; a random token is the old one in 1 of 28 cases.
    assert shares == pytest.approx([0.8, 0.1 * 27 / 28, 0.1 + 0.1 / 28], abs=0.01)
    others = set(chosen.tolist()) - {MASK}
    assert others == set(range(5, len(TOKENIZER)))


def test_all_shares_can_be_had():
    sample = passage(40)
    masked = masking(mask_share=1.0, random_share=0.0).draw(sample, 0)
    assert (masked.ids[masked.weights > 0] == MASK).all()
    kept = masking(mask_share=0.0, random_share=0.0).draw(sample, 0)
    assert kept.ids.tolist() == sample.ids.tolist()
    assert kept.weights.sum() == 6


def test_whole_words_are_chosen_with_all_their_pieces():
    form = masking(rate=0.4, whole_words=True, mask_share=1.0, random_share=0.0)
    recipe = form.recipe(frozenset({"text"}), 64, "auto", None)
    text = "the singers walked over trees singing oak birds , stones and dogs"
    sample = recipe("file", [(0, Text(text))])[0][0]
    words = sample.values[WORD]
    drawn = [form.draw(sample, i) for i in range(30)]
    for found in drawn:
        chosen = set(words[found.weights > 0].tolist())
        assert found.weights.tolist() == [float(word in chosen) for word in words]
        assert 0 < found.weights.sum() <= round(0.4 * (words >= 0).sum())
    assert len({tuple(found.weights) for found in drawn}) > 20


def test_a_word_longer_than_the_share_is_chosen_all_the_same():
    form = masking(rate=0.15, whole_words=True)
    sample = form.recipe(frozenset({"text"}), 64, "auto", None)("f", [(0, Text("singers"))])[0][0]
    assert form.draw(sample, 0).weights.tolist() == [0, 1, 1, 1, 0]


def test_the_draw_depends_on_seed_pass_and_place_alone():
    sample = passage(40)
    same = [masking().draw(sample, 3), masking().draw(replace(sample), 3)]
    assert same[0].ids.tolist() == same[1].ids.tolist()
    elsewhere = replace(sample, origin=Origin("file", 0, 1))
    others = [masking(1).draw(sample, 3), masking().draw(sample, 4), masking().draw(elsewhere, 3)]
    assert len({tuple(found.weights) for found in [same[0], *others]}) == 4


def test_a_passage_of_one_token_is_filled_in():
    assert masking().draw(passage(1), 0).weights.tolist() == [0, 1, 0]


def test_a_tokenizer_without_a_mask_token_is_refused_by_name():
    from transformers import PreTrainedTokenizerFast

    plain = PreTrainedTokenizerFast(tokenizer_object=TOKENIZER.backend_tokenizer)
    plain.name_or_path = "some/words"
    with pytest.raises(
        ModelError, match="`objective: mlm` hides tokens behind a mask token, and the tokenizer some/words has none"
    ):
        Masking.of(plain, 0, **SETTINGS)


@pytest.mark.parametrize("whole_words", [False, True])
def test_the_example_for_measuring_is_as_long_as_asked(whole_words):
    found = masking(whole_words=whole_words).example(np.arange(5, 25, dtype=np.int32))
    assert found.num_tokens == 20
    assert found.weights.sum() == 3
