"""Advantages: how much better an answer did than was to be expected, from rewards alone."""

# G prompts  N answers to each

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np

from whet.base.rounding import alike

Baseline = Literal["group", "leave_one_out", "batch", "none"]
Scale = Literal["group", "batch", "none"]
# Added to a standard deviation before it divides, as the reference implementations do.
FLOOR = 1e-4


def advantages(rewards_GN: np.ndarray, baseline: Baseline, scale: Scale) -> np.ndarray:
    """Rewards less what was expected, over their spread (G, N), float64. 0 where a reward is not a number.

    `group` is the mean of a prompt's answers, `leave_one_out` that of the others, `batch` that of all; spreads are
    standard deviations with one degree of freedom less. A group with fewer than two rewards teaches nothing where it
    is compared with itself. Rewards that are the same but for rounding are the same: nothing is left of them after
    their mean, where an optimizer would step on any trace, and nothing is divided by the spread of their rounding.
    """
    counts_G1 = (~np.isnan(rewards_GN)).sum(1, keepdims=True)
    is_level_G1, is_level = np.array([[alike(row)] for row in rewards_GN]), alike(rewards_GN.ravel())
    with warnings.catch_warnings():  # numpy warns of groups without a number
        warnings.simplefilter("ignore", RuntimeWarning)
        means_G1 = np.nanmean(rewards_GN, 1, keepdims=True)
        centred_GN = rewards_GN.copy()
        if baseline in ("group", "leave_one_out"):
            centred_GN = np.where(is_level_G1, 0.0, rewards_GN - means_G1)
        elif baseline == "batch":
            centred_GN = np.where(is_level, 0.0, rewards_GN - np.nanmean(rewards_GN))
        if baseline == "leave_one_out":
            centred_GN = centred_GN * counts_G1 / np.maximum(counts_G1 - 1, 1)
        if scale == "group":
            centred_GN = centred_GN / np.where(
                is_level_G1, 1.0, np.nanstd(rewards_GN, 1, keepdims=True, ddof=1) + FLOOR
            )
        elif scale == "batch":
            spread = centred_GN if baseline in ("group", "leave_one_out") else rewards_GN
            centred_GN = centred_GN / (1.0 if alike(spread.ravel()) else np.nanstd(spread, ddof=1) + FLOOR)
    return np.where(np.isnan(rewards_GN), 0.0, centred_GN)


def overlong(lengths_GN: np.ndarray, limit: int, buffer: int) -> np.ndarray:
    """0 up to `buffer` tokens before the limit, from there falling to -1 at it (Yu et al. 2025, equation 13)."""
    over_GN = lengths_GN - (limit - buffer)
    return -np.clip(over_GN / buffer, 0.0, 1.0)


def gae(rewards: np.ndarray, values: np.ndarray, discount: float, smoothing: float) -> tuple[np.ndarray, np.ndarray]:
    """Generalised advantages and returns of one answer (T,), float64 (Schulman et al. 2016, equation 16).

    The answer ends after the last token: nothing is expected beyond it.
    """
    found = np.zeros(len(rewards))
    running = 0.0
    for t in reversed(range(len(rewards))):
        after = values[t + 1] if t + 1 < len(values) else 0.0
        running = rewards[t] + discount * after - values[t] + discount * smoothing * running
        found[t] = running
    return found, found + values
