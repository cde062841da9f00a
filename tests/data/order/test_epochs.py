"""Order: a function of seed, epoch and manifest alone, with each source as often as its weight says."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whet.base.errors import ConfigError
from whet.data.order import epochs as order_module
from whet.data.order.epochs import Order, Span


def spans_of(sizes_and_weights):
    spans, start = [], 0
    for number, (size, weight) in enumerate(sizes_and_weights):
        spans.append(Span(f"source {number}", start, start + size, weight))
        start += size
    return spans


weights = st.sampled_from([0.0, 0.3, 1.0, 1.5, 2.0, 3.25])
mixtures = st.lists(st.tuples(st.integers(0, 40), weights), min_size=1, max_size=4)


@given(st.integers(0, 200), st.integers(0, 99), st.integers(0, 5), st.booleans())
def test_with_weight_one_every_sample_comes_once_an_epoch(size, seed, epoch, shuffle):
    order = Order(spans_of([(size, 1.0)]), seed, shuffle)
    assert order.length(epoch) == size
    assert sorted(order(epoch, 0, size)) == list(range(size))


@given(mixtures, st.integers(0, 99))
def test_a_sample_comes_as_often_as_the_whole_part_of_its_weight_or_once_more(mixture, seed):
    spans = spans_of(mixture)
    order = Order(spans, seed)
    counts = Counter(order(0, 0, order.length(0)).tolist())
    for span in spans:
        own = [counts[i] for i in range(span.start, span.stop)]
        assert all(int(span.weight) <= count <= int(span.weight) + 1 for count in own)
        assert abs(sum(own) - span.weight * len(own)) < 1


def test_over_epochs_a_fraction_is_met_on_average_and_by_different_samples():
    order = Order(spans_of([(7, 0.3), (5, 1.0)]), seed=1)
    epochs = [order(e, 0, order.length(e)) for e in range(400)]
    counts = np.bincount(np.concatenate(epochs), minlength=12)
    assert (counts[7:] == 400).all()
    # 0.3 x 400 = 120 a sample, standard deviation below sqrt(400 x 0.3 x 0.7) = 9.2.
    assert (abs(counts[:7] - 120) < 5 * 9.2).all() and abs(counts[:7].sum() - 840) < 5 * np.sqrt(400 / 4)


@given(mixtures, st.data())
def test_any_part_of_an_epoch_is_the_same_as_in_the_whole(mixture, data):
    order = Order(spans_of(mixture), seed=5)
    whole = order(2, 0, order.length(2))
    start = data.draw(st.integers(0, len(whole)))
    stop = data.draw(st.integers(start, len(whole) + 3))
    np.testing.assert_array_equal(Order(order.spans, seed=5)(2, start, stop), whole[start:stop])


def test_parts_across_blocks_are_the_same_as_in_the_whole(monkeypatch):
    order = Order(spans_of([(50, 1.0), (30, 1.5)]), seed=2)
    whole = order(0, 0, order.length(0))
    monkeypatch.setattr(order_module, "_BLOCK", 8)
    small = Order(order.spans, seed=2)
    for start, stop in ((0, 95), (3, 9), (8, 16), (40, 41), (90, 95), (0, 1)):
        np.testing.assert_array_equal(small(0, start, stop), whole[start:stop])


def test_seed_and_epoch_each_change_the_order_and_nothing_else_does():
    spans = spans_of([(100, 1.0)])
    assert (Order(spans, 0)(0, 0, 100) == Order(spans, 0)(0, 0, 100)).all()
    assert (Order(spans, 0)(0, 0, 100) != Order(spans, 1)(0, 0, 100)).any()
    assert (Order(spans, 0)(0, 0, 100) != Order(spans, 0)(1, 0, 100)).any()


def test_unshuffled_the_sources_come_one_after_the_other():
    assert Order(spans_of([(3, 2.0), (2, 1.0)]), 0, shuffle=False)(4, 0, 9).tolist() == [0, 1, 2, 0, 1, 2, 3, 4]


def test_a_negative_weight_is_refused_with_its_source():
    with pytest.raises(ConfigError, match="source 0 has weight -1"):
        Order(spans_of([(3, -1.0)]), 0)
