"""A rate that falls along half a cosine."""

from __future__ import annotations

import math

from whet.base.catalogue import schedule
from whet.base.settings import Fraction, NonNegative
from whet.optim.warmup import progress, rise


@schedule("cosine")
def cosine(step: int, total: int, *, warmup: NonNegative = 0.03, floor: Fraction = 0.1) -> float:
    """Cosine fall towards `floor` (Loshchilov and Hutter 2017, without restarts).

    warmup: linear rise; below 1 a fraction of the run, else steps
    floor: factor that the step after the last would have
    """
    factor = rise(step, total, warmup)
    if factor is not None:
        return factor
    return floor + (1.0 - floor) * 0.5 * (1.0 + math.cos(math.pi * progress(step, total, warmup)))
