"""Windows: whole steps by best fit, in order, without loss."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from whet.data.order.epochs import Order, Span
from whet.data.order.window import Place, Planner, close_window

costs_and_budget = st.integers(1, 60).flatmap(
    lambda budget: st.tuples(st.lists(st.integers(1, budget + 10), min_size=1, max_size=60), st.just(budget))
)


@given(costs_and_budget, st.integers(1, 6))
def test_a_window_loses_nothing_and_keeps_the_budget(case, max_steps):
    costs, budget = case
    steps, carried = close_window(costs, budget, max_steps, key=(1, 2, 3), is_last=False)
    assert sorted([i for step in steps for i in step] + carried) == list(range(len(costs)))
    assert len(steps) <= max_steps and carried == sorted(carried)
    for step in steps:
        assert sum(costs[i] for i in step) <= budget or len(step) == 1


def plan(lengths, budget, window_steps, seed=0, shuffle=True):
    order = Order([Span("a", 0, len(lengths))], seed, shuffle)
    planner, place, windows = Planner(order, np.array(lengths), budget, window_steps), Place(), []
    while place.epoch == 0:
        steps, place = planner.window(place)
        windows.append((steps, place))
    return windows


@given(costs_and_budget, st.integers(1, 6), st.integers(0, 5), st.booleans())
def test_an_epoch_has_every_sample_once_and_steps_within_the_budget(case, window_steps, seed, shuffle):
    lengths, budget = case
    steps = [step for window, _ in plan(lengths, budget, window_steps, seed, shuffle) for step in window]
    assert sorted(i for step in steps for i in step) == list(range(len(lengths)))
    assert all(sum(lengths[i] for i in step) <= budget or len(step) == 1 for step in steps)


@given(costs_and_budget, st.integers(1, 6))
def test_what_is_carried_is_in_the_next_window_and_costs_no_more_than_a_window_and_a_sample(case, window_steps):
    lengths, budget = case
    windows = plan(lengths, budget, window_steps)
    for (_, place), (steps, _) in zip(windows, windows[1:], strict=False):
        placed = {i for step in steps for i in step}
        assert not place.carried or place.carried[0] in placed
        assert sum(min(budget, lengths[i]) for i in place.carried) < budget * (window_steps + 1)


def test_steps_of_ordinary_lengths_are_full():
    """Samples of about a twentieth of the budget leave under 1 % of it empty."""
    lengths = np.random.default_rng(0).integers(50, 350, 4000).tolist()
    steps = [step for window, _ in plan(lengths, 4096, 16) for step in window]
    filled = [sum(lengths[i] for i in step) for step in steps[:-1]]
    assert sum(filled) > 0.99 * 4096 * len(filled)


def test_long_samples_are_spread_evenly_over_the_steps_of_a_window():
    """Filled on descending length, the first half of the steps would hold all the long samples."""
    lengths = np.random.default_rng(1).permutation([100] * 800 + [1000] * 80).tolist()
    ((steps, _),) = plan(lengths, 10_000, 16, shuffle=False)
    long = [sum(lengths[i] == 1000 for i in step) for step in steps]
    # A step holds 55 samples, a tenth of them long: 5 with a deviation of 2.1, the mean of 8 steps 0.75.
    assert len(steps) == 16 and abs(np.mean(long[:8]) - np.mean(long[8:])) < 5 * 0.75 * 2**0.5


def test_the_short_step_is_the_last_of_its_epoch():
    lengths = [10] * 45
    for seed in range(5):
        steps = [step for window, _ in plan(lengths, 100, 8, seed) for step in window]
        assert [len(step) for step in steps] == [10, 10, 10, 10, 5]


def test_unshuffled_steps_of_equal_samples_are_in_the_order_of_the_file():
    steps = [step for window, _ in plan([10] * 30, 100, 2, shuffle=False) for step in window]
    assert steps == [list(range(10)), list(range(10, 20)), list(range(20, 30))]
