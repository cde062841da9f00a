"""Warmup, stable, decay."""

from __future__ import annotations

import math

from whet.base.catalogue import schedule
from whet.base.settings import Fraction, NonNegative
from whet.optim.warmup import rise


@schedule("wsd")
def wsd(step: int, total: int, *, warmup: NonNegative = 0.03, decay: Fraction = 0.2, floor: Fraction = 0.0) -> float:
    """Constant, then over the last `decay` of the run a fall by 1 - sqrt towards `floor` (Haegele et al. 2024).

    warmup: linear rise; below 1 a fraction of the run, else steps
    decay: fraction of the run that falls
    floor: factor that the step after the last would have
    """
    factor = rise(step, total, warmup)
    if factor is not None:
        return factor
    length = round(decay * total)
    into = step - (total - length)
    if into <= 0 or length == 0:
        return 1.0
    return floor + (1.0 - floor) * (1.0 - math.sqrt(min(1.0, into / length)))
