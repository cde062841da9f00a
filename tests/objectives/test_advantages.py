"""Advantages from rewards alone: sums of zero, against formulas worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from whet.base.catalogue import objective
from whet.contracts.rollouts import Outcome
from whet.objectives.advantages import advantages, gae, overlong

REWARDS = np.array([[1.0, 0.0, 0.0, 1.0], [2.0, 2.0, 2.0, 2.0], [-1.0, 0.5, 3.0, 0.0]])
rewards = st.integers(2, 6).flatmap(
    lambda n: st.lists(
        st.lists(st.floats(-10, 10) | st.just(float("nan")), min_size=n, max_size=n), min_size=1, max_size=5
    )
)


@given(rewards=rewards, baseline=st.sampled_from(["group", "leave_one_out"]), scale=st.sampled_from(["group", "none"]))
def test_advantages_within_a_group_sum_to_zero(rewards, baseline, scale):
    found = advantages(np.array(rewards), baseline, scale)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found.sum(1), 0, atol=1e-9 * max(1.0, np.abs(found).max()))


def test_each_baseline_and_scale_is_its_formula():
    mean, std = REWARDS.mean(1, keepdims=True), REWARDS.std(1, keepdims=True, ddof=1)
    np.testing.assert_allclose(advantages(REWARDS, "group", "group"), (REWARDS - mean) / (std + 1e-4))
    np.testing.assert_allclose(advantages(REWARDS, "group", "none"), REWARDS - mean)
    others = (REWARDS.sum(1, keepdims=True) - REWARDS) / 3
    np.testing.assert_allclose(advantages(REWARDS, "leave_one_out", "none"), REWARDS - others)
    whole = (REWARDS - REWARDS.mean()) / (REWARDS.std(ddof=1) + 1e-4)
    np.testing.assert_allclose(advantages(REWARDS, "batch", "batch"), whole)
    centred = REWARDS - mean
    np.testing.assert_allclose(advantages(REWARDS, "group", "batch"), centred / (centred.std(ddof=1) + 1e-4))
    np.testing.assert_allclose(advantages(REWARDS, "none", "none"), REWARDS)


def test_answers_without_a_reward_teach_nothing_and_move_no_other():
    known = np.array([[1.0, 0.0, np.nan]])
    found = advantages(known, "group", "none")
    np.testing.assert_allclose(found, [[0.5, -0.5, 0.0]])
    np.testing.assert_array_equal(advantages(np.array([[3.0, np.nan]]), "group", "group"), [[0.0, 0.0]])


def test_answers_near_the_limit_lose_up_to_one():
    np.testing.assert_allclose(overlong(np.array([[10, 80, 90, 100]]), 100, 20), [[0.0, 0.0, -0.5, -1.0]])


def test_generalised_advantages_are_the_sum_over_what_follows():
    earned, values = np.array([0.0, 1.0, 2.0]), np.array([0.5, -0.5, 1.5])
    gamma, lam = 0.9, 0.8
    delta = earned + gamma * np.append(values[1:], 0.0) - values
    wanted = [sum((gamma * lam) ** k * delta[t + k] for k in range(3 - t)) for t in range(3)]
    found, returns = gae(earned, values, gamma, lam)
    np.testing.assert_allclose(found, wanted)
    np.testing.assert_allclose(returns, found + values)
    _, whole = gae(earned, values, 1.0, 1.0)
    assert whole == pytest.approx([3.0, 3.0, 2.0])  # without discount a return is what is still to come


level = st.tuples(
    st.floats(-1e3, 1e3).filter(lambda value: value == 0 or abs(value) > 1e-3),
    st.lists(st.lists(st.floats(-1e-7, 1e-7) | st.just(float("nan")), min_size=8, max_size=8), min_size=1, max_size=3),
).map(lambda drawn: drawn[0] * (1 + np.array(drawn[1])))


@pytest.mark.case("A7")
@given(rewards=level, scale=st.sampled_from(["group", "batch", "none"]))
@example(rewards=np.full((2, 6), 0.1), scale="group")
@example(rewards=np.array([[0.1 + 0.2, 0.3, 0.3]]), scale="group")
def test_rewards_that_are_the_same_but_for_rounding_teach_nothing(rewards, scale):
    for baseline in ("group", "leave_one_out", "batch"):
        assert not advantages(rewards, baseline, scale).any()
    assert np.abs(advantages(rewards, "none", scale)).max() <= np.nanmax(np.abs(rewards), initial=0)


@pytest.mark.case("A7")
@pytest.mark.parametrize("kind", ["grpo", "online-dpo"])
@given(value=st.floats(-1e3, 1e3), num=st.integers(2, 12), size=st.floats(1e-5, 1e-2))
def test_a_signal_is_any_difference_beyond_rounding(kind, value, num, size):
    lengths, is_truncated = np.ones((2, num)), np.zeros((2, num), bool)
    rewards = np.full((2, num), value)
    rewards[1, 0] += (abs(value) + 1) * size
    rewards[0] = np.nextafter(rewards[0], np.where(np.arange(num) % 2, np.inf, -np.inf))
    credit = objective.get(kind).build().credit(Outcome(rewards, lengths, is_truncated))
    assert credit.has_signal_G.tolist() == [False, True]


@pytest.mark.case("A7")
def test_advantages_of_tokens_that_are_all_the_same_are_whitened_to_nothing():
    values = [[np.full(3, 0.0), np.full(3, 0.0)]]
    found = (
        objective.get("ppo")
        .build(smoothing=1.0)
        .credit(
            Outcome(np.full((1, 2), 0.1), np.full((1, 2), 3), np.zeros((1, 2), bool), {"value": values, "old": values})
        )
    )
    assert not np.concatenate(found.values["advantage"][0]).any()
