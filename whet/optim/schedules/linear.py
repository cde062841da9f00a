"""A rate that falls in a straight line."""

from __future__ import annotations

from whet.base.catalogue import schedule
from whet.base.settings import Fraction, NonNegative
from whet.optim.warmup import progress, rise


@schedule("linear")
def linear(step: int, total: int, *, warmup: NonNegative = 0.03, floor: Fraction = 0.0) -> float:
    """Linear fall towards `floor`.

    warmup: linear rise; below 1 a fraction of the run, else steps
    floor: factor that the step after the last would have
    """
    factor = rise(step, total, warmup)
    if factor is not None:
        return factor
    return 1.0 - (1.0 - floor) * progress(step, total, warmup)
