"""Passages: every token of a text in exactly one, framed as the tokenizer frames a text."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from tests.marked import WORDS, bert_tokenizer
from whet.base.errors import DataError
from whet.contracts.rows import Completion, Text
from whet.data.refusal import Refused
from whet.data.render.chunks import WORD, Framer, PassageRecipe, frame, room_for

TOKENIZER = bert_tokenizer()
FRAMER = Framer(TOKENIZER)
LONG = " ".join(WORDS[i * i % 20] for i in range(50))


def samples(*texts: str, **settings):
    made, entries = PassageRecipe(FRAMER, **{"room": 16, **settings})("file", list(enumerate(map(Text, texts))))
    return made, [(entry.row, entry.action, entry.reason) for entry in entries]


def test_a_short_text_is_what_the_tokenizer_makes_of_it():
    made, entries = samples("the old trees , singing .", "oak")
    assert [s.ids.tolist() for s in made] == [TOKENIZER(t).input_ids for t in ("the old trees , singing .", "oak")]
    assert [s.weights.tolist() for s in made] == [[0, *[1] * 8, 0], [0, 1, 0]]
    assert all(s.is_in_place and s.kind == "bidirectional" for s in made)
    assert entries == []


def test_the_passages_of_a_long_text_hold_each_of_its_tokens_once():
    made, _ = samples("oak", LONG)
    pieces = [s for s in made if s.origin.row == 1]
    assert [s.origin.part for s in pieces] == list(range(len(pieces)))
    assert np.concatenate([s.ids[1:-1] for s in pieces]).tolist() == TOKENIZER(LONG).input_ids[1:-1]
    assert {s.num_tokens for s in pieces[:-1]} == {18}


def test_special_tokens_in_a_text_are_not_to_be_learned():
    [sample], _ = samples("oak [SEP] bird")
    assert sample.weights.tolist() == [0, 1, 0, 1, 0]


def test_words_are_those_of_the_tokenizer():
    [sample], _ = samples("the trees sing", words=True)
    assert sample.values[WORD].tolist() == [-1, 0, 1, 1, 2, -1]


def test_a_long_text_is_cut_skipped_or_refused_as_asked():
    assert [s.num_tokens for s in samples(LONG, truncation="cut")[0]] == [18]
    assert samples(LONG, truncation="cut")[1] == [(0, "truncated", "too_long")]
    assert samples(LONG, "oak", truncation="skip")[1] == [(0, "skipped", "too_long")]
    with pytest.raises(DataError, match="a sample has 50 tokens, and 16 are allowed"):
        samples(LONG, truncation="error")


def test_an_empty_text_and_a_refused_row_are_skipped_with_their_reason():
    recipe = PassageRecipe(FRAMER, 16)
    made, entries = recipe("file", [(0, Text(" ")), (1, Refused("bad_row", "odd")), (2, Text("oak"))])
    assert [s.origin.row for s in made] == [2]
    assert [(e.row, e.reason) for e in entries] == [(0, "nothing_to_train"), (1, "bad_row")]


def test_rows_that_are_no_text_are_refused():
    with pytest.raises(DataError, match="prompts with completions"):
        PassageRecipe(FRAMER, 16)("file", [(0, Completion("a", "b"))])


def test_the_frame_counts_towards_the_length_of_a_sample():
    assert room_for(FRAMER, 16) == 14
    with pytest.raises(DataError, match="no passage has room"):
        room_for(FRAMER, 2)
    with pytest.raises(DataError, match="how long a passage may be is unknown"):
        room_for(FRAMER, None)


def test_a_tokenizer_without_a_frame_has_none():
    from transformers import PreTrainedTokenizerFast

    plain = PreTrainedTokenizerFast(tokenizer_object=TOKENIZER.backend_tokenizer)
    plain.backend_tokenizer.post_processor = None  # not the one above: its backend is a copy
    assert (frame(TOKENIZER), frame(plain)) == (([2], [3]), ([], []))


def test_the_recipe_travels_to_worker_processes_and_its_key_says_what_decides_the_samples():
    recipe = PassageRecipe(FRAMER, 16)
    again = pickle.loads(pickle.dumps(recipe))
    assert again("f", [(0, Text(LONG))])[0][0].ids.tolist() == recipe("f", [(0, Text(LONG))])[0][0].ids.tolist()
    keys = {recipe.key, PassageRecipe(FRAMER, 17).key, PassageRecipe(FRAMER, 16, True).key}
    assert len(keys) == 3
    assert again.key == recipe.key
