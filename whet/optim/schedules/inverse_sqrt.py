"""A rate that falls with the root of the step."""

from __future__ import annotations

import math

from whet.base.catalogue import schedule
from whet.base.settings import NonNegative
from whet.optim.warmup import rise, warmup_steps


@schedule("inverse-sqrt")
def inverse_sqrt(step: int, total: int, *, warmup: NonNegative = 0.03) -> float:
    """Fall by 1 / sqrt(step) after the warmup (Vaswani et al. 2017, section 5.3).

    warmup: linear rise; below 1 a fraction of the run, else steps
    """
    factor = rise(step, total, warmup)
    if factor is not None:
        return factor
    start = max(1, warmup_steps(warmup, total))
    return math.sqrt(start / max(start, step + 1))
