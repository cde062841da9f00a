"""Packing: capacity is never exceeded, nothing is lost, and the fit is the best one."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whet.base.errors import DataError
from whet.data.order.pack import BestFit, SampleTooLong, pack

lengths_and_capacity = st.integers(1, 5000).flatmap(
    lambda capacity: st.tuples(st.lists(st.integers(1, capacity), max_size=60), st.just(capacity))
)


@given(lengths_and_capacity)
def test_rows_hold_every_sample_once_and_never_more_than_the_capacity(case):
    lengths, capacity = case
    rows = pack(lengths, capacity)
    assert sorted(i for row in rows for i in row) == list(range(len(lengths)))
    assert all(sum(lengths[i] for i in row) <= capacity for row in rows)


@given(lengths_and_capacity)
def test_rows_are_those_of_a_search_through_all_rows(case):
    lengths, capacity = case
    left = []
    for length in sorted(lengths, reverse=True):
        fitting = [i for i, room in enumerate(left) if room >= length]
        if fitting:
            left[min(fitting, key=left.__getitem__)] -= length
        else:
            left.append(capacity - length)
    held = sorted(sum(lengths[i] for i in row) for row in pack(lengths, capacity))
    assert held == sorted(capacity - room for room in left)


@given(lengths_and_capacity)
def test_less_than_half_of_the_room_is_empty(case):
    lengths, capacity = case
    assert len(pack(lengths, capacity)) <= 2 * math.ceil(sum(lengths) / capacity)


def test_a_sample_longer_than_the_capacity_is_named():
    with pytest.raises(SampleTooLong, match="sample 1 has 11 tokens, more than the 10") as error:
        pack([3, 11, 2], 10)
    assert isinstance(error.value, DataError) and "truncation" in error.value.hint


def test_one_at_a_time_the_fullest_row_that_fits_is_taken():
    fit = BestFit(10)
    six, seven = fit.open(6), fit.open(7)
    assert [fit.place(length) for length in (3, 1, 4, 3, 1)] == [seven, six, None, six, None]
