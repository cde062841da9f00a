"""Whether two expressions have the same value: they are compared at random points."""

from __future__ import annotations

import random
from fractions import Fraction
from typing import Any

from whet.rewards.math.expression import Node, NotMath, evaluate, real

NUM_POINTS, TRIES = 4, 24
CLOSE = 1e-25  # of numbers with 40 digits


def same_number(left: Node, right: Node, tolerance: float = 0.0) -> bool:
    """Whether two expressions have one value at every point tried (Schwartz 1980): numbers at their only one."""
    if left == right:
        return True
    tried = points(left.variables | right.variables, [left, right])
    return bool(tried) and all(close(one, other, tolerance) for one, other in tried)


def points(variables: frozenset[str], nodes: list[Node]) -> list[tuple[Any, ...]]:
    """The nodes' values at points where all have one: positive ones, then negative ones where the values are real."""
    if not variables:
        try:
            return [tuple(evaluate(node, {}) for node in nodes)]
        except NotMath:
            return []
    draw, names = random.Random("points"), sorted(variables)
    found: list[tuple[Any, ...]] = []
    for attempt in range(TRIES):
        is_negative = len(found) >= NUM_POINTS // 2
        sign = -1 if is_negative else 1
        point = {name: Fraction(sign * draw.randrange(1, 4096), 1024) for name in names}
        try:
            values = tuple(evaluate(node, point) for node in nodes)
        except NotMath:
            continue
        if is_negative and any(_imaginary(value) for value in values) and attempt < TRIES - 1:
            continue
        found.append(values)
        if len(found) == NUM_POINTS:
            break
    return found if len(found) >= NUM_POINTS // 2 else []


def _imaginary(value: Any) -> bool:
    import mpmath

    return not isinstance(value, Fraction) and bool(mpmath.im(value))


def close(found: Any, right: Any, tolerance: float) -> bool:
    import mpmath

    if isinstance(found, Fraction) and isinstance(right, Fraction) and not tolerance:
        return found == right
    with mpmath.workdps(40):
        found, right = real(found), real(right)
        if any(mpmath.isnan(value) for value in (found, right)):
            return False
        if any(mpmath.isinf(value) for value in (found, right)):
            return bool(found == right)
        return bool(abs(found - right) <= max(tolerance * abs(right), CLOSE * max(1, abs(right))))
