"""Rows of texts with labels, scores and paths are told by their columns."""

import pytest

from tests.data.rows.spelled import read
from whet.contracts.rows import (
    Classified,
    Judged,
    Retrieval,
    Similarity,
    Stepwise,
    Tagged,
    Text,
    Values,
)
from whet.data.refusal import Refused
from whet.data.rows.detect import Detector


def test_tables_of_numbers_are_values():
    assert read({"features": [1, 2.5], "label": 1}) == Values({"features": [1.0, 2.5], "label": 1})
    assert read({"x": "1", "y": "2e-1", "label": "0.5"}) == Values({"features": [1.0, 0.2], "label": 0.5})


TEXTS = [
    ({"query": "q", "positive": "a"}, Retrieval("q", ["a"], [])),
    ({"query": "q", "pos": ["a", "b"], "neg": ["c"]}, Retrieval("q", ["a", "b"], ["c"])),
    ({"anchor": "q", "positive": "a", "negative": "b"}, Retrieval("q", ["a"], ["b"])),
    (
        {"query": "q", "positive": "a", "negative_1": "b", "negative_2": "c", "negative_10": "d"},
        Retrieval("q", ["a"], ["b", "c", "d"]),
    ),
    ({"query": "q", "documents": ["a", "b"], "relevance": [2, 0]}, Judged("q", ["a", "b"], [2.0, 0.0])),
    ({"query": "q", "passage": "a", "score": 1}, Judged("q", ["a"], [1.0])),
    ({"sentence1": "a", "sentence2": "b", "score": 0.5}, Similarity("a", "b", 0.5)),
    ({"tokens": ["a", "b"], "ner_tags": [0, 3]}, Tagged(["a", "b"], [0, 3])),
    (
        {"prompt": "p", "completions": ["a", "b"], "labels": [True, False]},
        Stepwise("p", ["a", "b"], [1.0, 0.0]),
    ),
]


@pytest.mark.parametrize("row, expected", TEXTS)
def test_texts_of_other_objectives_are_told_by_their_columns(row, expected):
    assert read(row) == expected


def test_the_path_of_a_prm800k_row_ends_at_its_first_mistake():
    steps = [
        {"completions": [{"text": "a", "rating": 1}], "chosen_completion": 0},
        {"completions": [{"text": "b", "rating": 0}, {"text": "c", "rating": 1}], "chosen_completion": 1},
        {"completions": [{"text": "d", "rating": -1}], "chosen_completion": None},
        {"completions": [{"text": "e", "rating": 1}], "chosen_completion": 0},
    ]
    row = {"question": {"problem": "p", "ground_truth_answer": "1"}, "label": {"steps": steps, "finish_reason": "x"}}
    assert read(row) == Stepwise("p", ["a", "c", "d"], [1.0, 1.0, 0.0])


def test_a_text_with_a_label_is_what_the_objective_takes():
    row = {"text": "a", "label": "good"}
    assert read(row) == Text("a")
    assert Detector(takes={"classified"}).parse(row, "here") == Classified("a", "good")
    pair = {"sentence1": "a", "sentence2": "b", "label": 1}
    assert Detector(takes={"classified"}).parse(pair, "here") == Classified("a", 1, "b")
    assert Detector(takes={"similarity"}).parse(pair, "here") == Similarity("a", "b", 1.0)
    assert read({"premise": "a", "hypothesis": "b", "label": 2}) == Classified("a", 2, "b")


@pytest.mark.parametrize(
    "row, says",
    [
        ({"query": "q", "positive": "a", "negative": "a"}, "positive and negative"),
        ({"query": "q", "positive": " "}, "empty"),
        ({"query": "q", "documents": ["a"], "relevance": [1, 2]}, "1 documents have 2"),
        ({"query": "q", "document": "a", "score": -1}, "relevance"),
        ({"tokens": ["a"], "tags": ["x", "y"]}, "1 words have 2"),
        ({"prompt": "p", "completions": ["a"], "labels": [3]}, "label"),
        ({"prompt": "p", "completions": ["a"], "labels": []}, "1 steps have 0"),
    ],
)
def test_texts_that_do_not_fit_together_are_said(row, says):
    refused = read(row)
    assert isinstance(refused, Refused) and says in refused.detail
