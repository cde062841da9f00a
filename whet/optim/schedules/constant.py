"""A rate that stays where it is."""

from __future__ import annotations

from whet.base.catalogue import schedule
from whet.base.settings import NonNegative
from whet.optim.warmup import rise


@schedule("constant", falls=False)
def constant(step: int, total: int, *, warmup: NonNegative = 0.03) -> float:
    """Constant after the warmup.

    warmup: linear rise; below 1 a fraction of the run, else steps
    """
    factor = rise(step, total, warmup)
    if factor is not None:
        return factor
    return 1.0
