"""Numbers that are equal but for rounding: what compares rewards must not see a difference where there is none."""

from __future__ import annotations

import math
from collections.abc import Iterable

# Of the largest magnitude: eight times the rounding of fp32, in which trained rewards are computed.
ROUNDING = 1e-6
NOTHING = 1e-12  # what is left of numbers that cancel


def alike(numbers: Iterable[float]) -> bool:
    """Whether the numbers are all the same but for rounding. What is not a number is passed over."""
    known = [float(number) for number in numbers if not math.isnan(number)]
    if not known or min(known) == max(known):
        return True
    return max(known) - min(known) <= slack(known)


def slack(numbers: Iterable[float]) -> float:
    """How far apart numbers of this size may lie and still be the same. Infinite ones are passed over."""
    largest = max((abs(float(number)) for number in numbers if math.isfinite(number)), default=0.0)
    return max(ROUNDING * largest, NOTHING)
