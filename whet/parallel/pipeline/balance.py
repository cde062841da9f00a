"""Balance: which layers each stage of a pipeline has, so that the slowest stage is as fast as it can be."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import accumulate


def balanced(costs: Sequence[float], stages: int, first: float = 0.0, last: float = 0.0) -> list[range]:
    """Cut layers of these `costs` into as many runs, each of one layer at least, whose largest cost is the least.

    The first stage has the cost `first` beside its layers (embeddings), the last one `last` (the head). Of cuts that
    are as good, stages at the end have fewer layers: those at the beginning wait longest for their gradients.
    O(stages x layers^2).
    """
    count, sums = len(costs), [0.0, *accumulate(costs)]

    def cost(stage: int, start: int, end: int) -> float:
        beside = first * (stage == 0) + last * (stage == stages - 1)
        return sums[end] - sums[start] + beside

    # best[end]: the least largest cost of the stages so far over layers before `end`, and where the last one begins.
    begin: dict[int, tuple[float, tuple[int, ...]]] = {0: (0.0, ())}

    def further(best: dict[int, tuple[float, tuple[int, ...]]], stage: int) -> dict[int, tuple[float, tuple[int, ...]]]:
        ends = range(stage + 1, count - (stages - stage - 1) + 1)
        return {
            end: min(
                ((max(most, cost(stage, start, end)), (*starts, start)) for start, (most, starts) in best.items()
                 if start < end),
                key=lambda found: (found[0], [-start for start in found[1]]),
            )
            for end in ends
        }  # fmt: skip

    _, starts = reduce(further, range(stages), begin)[count]
    return [range(*pair) for pair in zip(starts, (*starts[1:], count), strict=True)]
