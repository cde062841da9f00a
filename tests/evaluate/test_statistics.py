"""Errors and intervals: the bootstrap is the oracle, and textbook numbers."""

import math

import numpy as np
import pytest

from whet.evaluate.statistics import exponential, mean, proportion, ratio, scaled, share


def drawn(n=60, seed=0):
    """Nats and words of documents of very different lengths, as WikiText has them."""
    random = np.random.default_rng(seed)
    words = random.integers(20, 2000, n)
    return words * random.normal(3.0, 0.3, n), words


def bootstrap(statistic, *columns, times=4000):
    random = np.random.default_rng(1)
    picks = random.integers(0, len(columns[0]), (times, len(columns[0])))
    return np.std([statistic(*(column[pick] for column in columns)) for pick in picks])


def test_the_error_of_a_ratio_is_that_of_the_bootstrap():
    nats, words = drawn()
    figure = ratio(nats, words)
    assert figure.value == pytest.approx(nats.sum() / words.sum())
    assert figure.error == pytest.approx(bootstrap(lambda x, w: x.sum() / w.sum(), nats, words), rel=0.08)


def test_the_error_of_a_perplexity_is_that_of_the_bootstrap():
    nats, words = drawn()
    figure = exponential(ratio(nats, words))
    assert figure.value == pytest.approx(math.exp(nats.sum() / words.sum()))
    assert figure.error == pytest.approx(bootstrap(lambda x, w: math.exp(x.sum() / w.sum()), nats, words), rel=0.08)
    assert figure.low < figure.value < figure.high
    assert math.sqrt(figure.low * figure.high) == pytest.approx(figure.value)


def test_a_mean_has_the_textbook_error():
    values = [1.0, 2.0, 4.0, 9.0]
    assert mean(values).error == pytest.approx(np.std(values, ddof=1) / 2)


def test_intervals_hold_the_truth_about_95_times_in_100():
    random = np.random.default_rng(2)
    covered = 0
    for _ in range(1000):
        words = random.integers(20, 2000, 60)
        figure = ratio(words * random.normal(3.0, 0.3, 60), words)
        covered += figure.low <= 3.0 <= figure.high
    assert 920 <= covered <= 970


def test_the_interval_of_a_proportion_is_wilsons():
    figure = proportion([True] * 8 + [False] * 2)
    assert (figure.value, figure.n) == (0.8, 10)
    # Newcombe 1998, table I, method 3, for 8 of 10 by hand: (2 n p + z^2 -+ z sqrt(z^2 + 4 n p q)) / (2 (n + z^2))
    z = 1.959963984540054
    root = z * math.sqrt(z * z + 4 * 10 * 0.8 * 0.2)
    assert figure.low == pytest.approx((16 + z * z - root) / (2 * (10 + z * z)))
    assert figure.high == pytest.approx((16 + z * z + root) / (2 * (10 + z * z)))
    for n in range(1, 40):
        none, all_ = proportion([False] * n), proportion([True] * n)
        assert (none.low, all_.high) == (0.0, 1.0), "rounding left something between the value and its end"
        assert none.high == pytest.approx(1 - all_.low) and none.high > 2 / (n + 4)


def test_one_unit_has_a_value_and_no_error():
    figure = exponential(ratio([6.0], [3.0]))
    assert figure.value == pytest.approx(math.e**2) and figure.error is None and figure.low is None
    assert scaled(figure, 2.0).error is None and share([1.0], [2.0]).low is None


def test_a_share_stays_between_0_and_1():
    figure = share([0.0, 0.0, 3.0], [3.0, 3.0, 3.0])
    assert figure.low == 0.0 and figure.high <= 1.0
    none, alike = share([0.0] * 8, [3.0] * 8), proportion([False] * 8)
    assert (none.low, none.high) == (alike.low, alike.high), "rows without a hit leave room for some"


def test_a_perplexity_beyond_all_numbers_is_infinite():
    assert exponential(mean([800.0, 900.0])).value == math.inf
