"""No cut of layers into stages has a cheaper dearest stage than the one that is made."""

from __future__ import annotations

import random
from itertools import combinations

import pytest

from whet.parallel.pipeline.balance import balanced


@pytest.mark.parametrize("seed", range(6))
def test_no_cut_is_better_balanced(seed):
    draw = random.Random(seed)
    costs = [draw.randint(1, 9) for _ in range(draw.randint(4, 8))]
    stages, first, last = draw.randint(2, 4), draw.randint(0, 3), draw.randint(0, 20)

    def dearest(runs: list[range]) -> float:
        sums = [sum(costs[i] for i in run) for run in runs]
        sums[0] += first
        sums[-1] += last
        return max(sums)

    cuts = [(0, *inner, len(costs)) for inner in combinations(range(1, len(costs)), stages - 1)]
    best = min(dearest([range(*pair) for pair in zip(cut, cut[1:], strict=False)]) for cut in cuts)
    found = balanced(costs, stages, first, last)
    assert [layer for run in found for layer in run] == list(range(len(costs))) and all(found)
    assert dearest(found) == best


def test_a_head_makes_the_last_stage_shorter():
    assert [len(run) for run in balanced([1.0] * 8, 2)] == [4, 4]
    assert [len(run) for run in balanced([1.0] * 8, 2, last=2.0)] == [5, 3]
