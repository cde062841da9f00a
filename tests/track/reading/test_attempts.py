"""Attempts replace each other: of each step the last attempt counts that had begun by then."""

from hypothesis import given
from hypothesis import strategies as st

from whet.track.reading.attempts import kept, newest_first

FIRSTS = st.lists(st.none() | st.integers(0, 9), max_size=6)


@given(FIRSTS, st.integers(0, 12))
def test_a_step_is_that_of_the_last_attempt_that_began_at_or_before_it(firsts, step):
    """By definition: an attempt has a step unless a later one has begun at it or before."""
    numbered = list(enumerate(firsts))
    found = kept(numbered, lambda one: one[1])
    assert [one for one, _ in found] == numbered
    for (number, _), end in found:
        is_replaced = any(first is not None and first <= step for first in firsts[number + 1 :])
        assert (step >= end) == is_replaced


def test_older_attempts_are_not_asked_once_what_is_looked_for_is_found():
    asked = []
    attempts = newest_first([5, 3, 0], lambda one: asked.append(one) or one)
    assert next(attempts) == (5, float("inf")) and asked == []
    assert next(attempts) == (3, 5) and asked == [5]
