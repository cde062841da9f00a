"""The recipe: which rows are taken, and what becomes of long ones."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.words import WordRenderer, words
from whet.base.errors import DataError
from whet.contracts.rows import Completion, Conversation, Text, Values
from whet.data.refusal import KindError, Refused
from whet.data.render.recipe import Recipe
from whet.data.store.ledger import Entry

TAKES = frozenset({"text", "completion"})


def run(rows, *, renderer=True, takes=TAKES, **settings):
    recipe = Recipe(WordRenderer() if renderer else None, takes, **settings)
    return recipe("a.jsonl", list(enumerate(rows)))


def test_rows_become_samples_in_order_and_refusals_become_entries():
    samples, entries = run([Text("x y"), Refused("bad_row", "no text"), Text("bad"), Completion("a b", " c")])
    assert [(s.origin.source, s.origin.row, s.num_tokens) for s in samples] == [("a.jsonl", 0, 2), ("a.jsonl", 3, 3)]
    assert samples[1].weights.tolist() == [0, 0, 1]
    assert entries == [
        Entry("a.jsonl", 1, "skipped", "bad_row", "no text"),
        Entry("a.jsonl", 2, "skipped", "bad_word", "the word `bad` in 'bad'"),
    ]


def test_a_row_that_the_objective_does_not_take_is_refused_by_name():
    with pytest.raises(KindError, match="wanted is .* or raw text, and the rows are conversations, for") as error:
        run([Text("x y"), Conversation([])])
    for one in (error.value, pickle.loads(pickle.dumps(error.value))):  # a worker's error comes pickled
        named = one.handed_to("pretrain")
        assert one.at == named.at == "a.jsonl row 1"
        assert str(named).startswith("`objective: pretrain` learns from prompts with completions or raw text")
        assert "the rows are conversations" in str(named) and "hint: objective=sft" in str(named)


@given(st.integers(2, 9), st.integers(2, 40))
def test_pieces_of_a_text_predict_every_token_once_and_begin_with_the_token_before(limit, length):
    samples, entries = run([Text(words(length))], max_length=limit, truncation="split")
    (whole,), _ = run([Text(words(length))])
    assert not entries and all(s.num_tokens <= limit for s in samples)
    assert [s.origin.part for s in samples] == list(range(len(samples)))
    predicted = np.concatenate([s.ids[1:] for s in samples])
    assert predicted.tolist() == whole.ids[1:].tolist()
    assert sum(s.weights[1:].sum() for s in samples) == length - 1
    for before, after in zip(samples, samples[1:], strict=False):
        assert before.ids[-1] == after.ids[0] and after.weights[0] == 0


def test_cut_keeps_the_beginning_and_lists_the_row():
    samples, entries = run([Text(words(9)), Text(words(4))], max_length=4, truncation="cut")
    assert [s.num_tokens for s in samples] == [4, 4]
    assert entries == [Entry("a.jsonl", 0, "truncated", "too_long", "9 tokens, cut to 4")]


def test_cut_skips_a_row_whose_trained_part_is_beyond():
    samples, entries = run([Completion(words(4), " " + words(2))], max_length=4, truncation="cut")
    assert not samples and [(e.action, e.reason) for e in entries] == [("skipped", "nothing_left")]


def test_skip_drops_long_rows_and_lists_them():
    samples, entries = run([Text(words(9)), Text(words(4))], max_length=4, truncation="skip")
    assert [s.origin.row for s in samples] == [1]
    assert entries == [Entry("a.jsonl", 0, "skipped", "too_long", "9 tokens, and 4 are allowed")]


@pytest.mark.parametrize(("truncation", "row"), [
    ("error", Text(words(9))), ("auto", Completion(words(8), " x")), ("split", Completion(words(8), " x")),
])  # fmt: skip
def test_a_long_row_is_an_error_with_its_place_length_and_ways_out(truncation, row):
    with pytest.raises(DataError, match="a sample has 9 tokens, and 4 are allowed") as error:
        run([Text(words(2)), row], max_length=4, truncation=truncation)
    assert error.value.at == "a.jsonl row 1"
    assert all(word in error.value.hint for word in ("data.max_length=9", "truncation=cut", "=skip", "=split"))


def test_more_tokens_are_offered_only_where_the_model_sees_them():
    for context, offered in ((9, True), (8, False)):
        with pytest.raises(DataError) as error:
            run([Completion(words(8), " x")], max_length=4, context=context)
        assert ("data.max_length=9" in error.value.hint) is offered
        assert ("4 are all the model sees" in error.value.message) is not offered


def test_auto_splits_raw_text():
    samples, _ = run([Text(words(9))], max_length=5)
    assert [s.num_tokens for s in samples] == [5, 5]


def test_numbers_need_no_renderer_and_words_do():
    samples, _ = run([Values({"features": [1.0], "label": 2})], renderer=False, takes=frozenset({"values"}))
    assert samples[0].num_tokens == 0 and samples[0].fields == {"features": [1.0], "label": 2}
    with pytest.raises(DataError, match="need a tokenizer"):
        run([Text("x y")], renderer=False)


def test_a_length_that_leaves_nothing_to_predict_is_refused():
    with pytest.raises(DataError, match="max_length=1"):
        run([Text("x y")], max_length=1)
