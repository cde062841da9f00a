"""Whoever fails again and again waits longer each time, and not for ever."""

import pytest

from whet.server.access.throttle import FREE, LONGEST_S, Throttle


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_waits_double_up_to_the_longest(clock):
    throttle, waits = Throttle(clock), []
    for _ in range(FREE + 14):
        throttle.failed("a")
        waits.append(throttle.wait_s("a"))
    assert waits[: FREE - 1] == [0.0] * (FREE - 1)
    assert waits[FREE - 1 :] == [min(2.0**n, LONGEST_S) for n in range(15)]
    assert throttle.wait_s("b") == 0.0


def test_a_key_that_has_failed_for_weeks_still_only_waits(clock):
    """A program with an old key asks for ever; a power of two of that count is no float."""
    throttle = Throttle(clock)
    for _ in range(2000):
        clock.now += LONGEST_S
        throttle.failed("a")
    assert throttle.wait_s("a") == LONGEST_S


def test_failures_of_long_ago_are_forgotten(clock):
    throttle = Throttle(clock)
    throttle.failed(*["a"] * (FREE + 5))
    clock.now += 100 * LONGEST_S
    throttle.failed("a")
    assert throttle.wait_s("a") == 0.0


def test_success_ends_the_waiting(clock):
    throttle = Throttle(clock)
    throttle.failed(*["a"] * (FREE + 5))
    assert throttle.wait_s("a") > 0
    throttle.succeeded("a")
    assert throttle.wait_s("a") == 0.0


def test_tries_count_before_they_have_failed(clock):
    throttle = Throttle(clock)
    assert [throttle.begin("a", f"from {n}") for n in range(FREE + 2)] == [0.0] * FREE + [1.0] * 2
    throttle.succeeded("a")
    assert throttle.begin("a") == 0.0
