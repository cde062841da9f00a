"""How sure a median is, of figures whose distribution is not known."""

from __future__ import annotations

import math
from collections.abc import Sequence


def median_interval(values: Sequence[float], wanted: float = 0.9) -> tuple[float, float, float]:
    """The narrowest pair of order statistics that holds the median with probability `wanted`, and its probability.

    Free of any assumption about the distribution: the median lies outside (k-th lowest, k-th highest) with
    probability 2 * P(Binomial(n, 1/2) < k). With few values it is the whole range, whatever that covers.
    """
    ordered, n = sorted(values), len(values)
    coverage = [1 - 2 * sum(math.comb(n, i) for i in range(k + 1)) / 2**n for k in range((n + 1) // 2)]
    k = max((k for k, held in enumerate(coverage) if held >= wanted), default=0)
    return ordered[k], ordered[n - 1 - k], coverage[k]
