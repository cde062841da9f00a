"""Shuffles: permutations that depend on their key, fair, and readable in any part."""

from collections import Counter
from itertools import permutations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from whet.data.order.shuffle import Shuffle, shuffled


@given(st.integers(1, 3000), st.integers(0, 2**40), st.integers(0, 9))
def test_every_position_has_another_value_and_all_values_come(size, seed, epoch):
    assert sorted(Shuffle(size, seed, epoch).all()) == list(range(size))
    assert sorted(shuffled(size % 300, seed, epoch)) == list(range(size % 300))


@given(st.integers(1, 5000), st.data())
def test_a_part_is_the_same_as_in_the_whole(size, data):
    start = data.draw(st.integers(0, size))
    shuffle = Shuffle(size, 3, 1)
    np.testing.assert_array_equal(shuffle(np.arange(start, size)), shuffle.all()[start:])


def test_another_key_gives_another_permutation():
    keys = [(0, 1), (1, 1), (0, 2), (0, 1, 1)]
    assert len({tuple(Shuffle(100, *key).all()) for key in keys}) == len(keys)
    assert len({tuple(shuffled(100, *key)) for key in keys}) == len(keys)


def test_all_permutations_of_four_are_equally_frequent():
    """Chi-square with 23 degrees of freedom; the bound is passed by chance once in 100,000 seeds."""
    counts = Counter(tuple(Shuffle(4, seed, 1).all()) for seed in range(2400))
    assert sum((counts[p] - 100) ** 2 / 100 for p in permutations(range(4))) < 67


def test_every_value_is_equally_likely_at_every_position():
    """Chi-square over 11 x 11 cells: expected 100, standard deviation 14; the bound lies 5 of them above."""
    size, draws = 11, 1100
    cells = np.zeros((size, size))
    for seed in range(draws):
        cells[np.arange(size), Shuffle(size, seed, 1).all()] += 1
    assert ((cells - draws / size) ** 2 / (draws / size)).sum() < 100 + 5 * 14
