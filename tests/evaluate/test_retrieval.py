"""Retrieval, similarity and classes measured: figures by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from whet.base.errors import DataError
from whet.contracts.rows import Judged, Retrieval
from whet.evaluate.classes import f1_scores
from whet.evaluate.correlation import pearson, ranks, spearman
from whet.evaluate.retrieval import _collection, _ranked, quality


def test_quality_of_a_ranking_by_hand():
    found = quality([0, 2, 0, 1], [1, 2, 4])
    assert (found["recall@1"], found["recall@2"], found["recall@4"]) == (0, 0.5, 1)
    assert found["mrr"] == 0.5
    gained = 2 / math.log2(3) + 1 / math.log2(5)
    assert found["ndcg@10"] == pytest.approx(gained / (2 + 1 / math.log2(3)))


def test_beyond_the_tenth_document_nothing_counts_for_ndcg():
    assert quality([0] * 10 + [1], [10])["ndcg@10"] == 0
    assert quality([0] * 10 + [1], [10])["mrr"] == pytest.approx(1 / 11)


def test_equal_documents_and_queries_of_a_file_are_one():
    rows = [Retrieval("a", ["x"], ["y"]), Retrieval("a", ["z"]), Judged("b", ["x", "y"], [0.0, 3.0])]
    relevance, documents = _collection(rows)
    assert documents == ["x", "y", "z"]
    assert relevance == {"a": {0: 1.0, 1: 0.0, 2: 1.0}, "b": {0: 0.0, 1: 3.0}}
    with pytest.raises(DataError, match="no query has a relevant document"):
        _collection([Judged("b", ["x"], [0.0])])


def test_documents_stand_by_their_nearness():
    queries, documents = np.eye(2), np.array([[0.1, 0.9], [0.8, 0.2], [0.5, 0.5]])
    first, second = _ranked(queries, documents, [{1: 1.0}, {2: 2.0}])
    assert first.tolist() == [1, 0, 0] and second.tolist() == [0, 2, 0]


def test_correlations_are_numpys_and_ties_share_their_rank():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=30), rng.integers(0, 5, 30)
    assert pearson(x, y).value == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert ranks([3, 1, 3, 2]).tolist() == [3.5, 1, 3.5, 2]
    assert spearman(x, y).value == pytest.approx(np.corrcoef(ranks(x), ranks(y))[0, 1])
    # Spearman 1904 by the sum of squared differences, which holds where no values are equal.
    z = rng.normal(size=30)
    differences = ranks(x) - ranks(z)
    assert spearman(x, z).value == pytest.approx(1 - 6 * (differences @ differences) / (30 * (900 - 1)))
    assert math.isnan(pearson([1, 1, 1], [1, 2, 3]).value)


def test_fishers_interval_by_hand():
    """r = 0.5 of 28 pairs: atanh(r) = 0.5493, its error 1 / sqrt(25)."""
    x = np.tile([1.0, -1.0], 14)
    y = 0.5 * x + np.sqrt(0.75) * np.repeat([1.0, -1.0], 14) * 1.0
    found = pearson(x, y)
    assert found.value == pytest.approx(0.5)
    low, high = math.tanh(0.549306 - 1.959964 / 5), math.tanh(0.549306 + 1.959964 / 5)
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-5), pytest.approx(high, abs=1e-5))


def test_f1_of_each_class_by_hand():
    truth, chosen = np.array([0, 0, 1, 1, 1]), np.array([0, 1, 1, 1, 0])
    found = f1_scores(np.eye(3)[chosen] > 0, np.eye(3)[truth] > 0)
    assert found[:2].tolist() == pytest.approx([2 * 1 / (2 + 2), 2 * 2 / (3 + 3)])
    assert math.isnan(found[2])
