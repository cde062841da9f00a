"""Bytes as sums of products of a config's sizes: what tracing finds, and what a plan evaluates, without torch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import cache

# An expression -> bytes for each of what it counts: `tokens*hidden_size` -> 4. The expression of a constant is empty.
Terms = Mapping[str, float]
# Numbers by the name that transformers gives them in every config, with `tokens` and what the run adds (`rank`).
Sizes = Mapping[str, float]


def value(expression: str, sizes: Sizes) -> float:
    """The product of its factors: names of sizes, numbers, and sums in brackets (`tokens*(q_rank+head_dim)`).

    Raises KeyError with the name of a size that is missing.
    """
    return math.prod(
        sum(math.prod(_size(name, sizes) for name in part) for part in factor) for factor in _read(expression)
    )


def total(terms: Terms, sizes: Sizes) -> float:
    """Bytes of all terms."""
    return sum(num_bytes * value(expression, sizes) for expression, num_bytes in terms.items())


def added(parts: Iterable[Terms]) -> dict[str, float]:
    """The sum of several, without what cancels out."""
    found: dict[str, float] = {}
    for terms in parts:
        for expression, num_bytes in terms.items():
            found[expression] = found.get(expression, 0.0) + num_bytes
    return {expression: num_bytes for expression, num_bytes in found.items() if num_bytes}


def names(expression: str) -> set[str]:
    """The sizes that an expression asks for."""
    return {name for factor in _read(expression) for part in factor for name in part if not name.isdigit()}


@cache
def _read(expression: str) -> tuple[tuple[tuple[str, ...], ...], ...]:
    """Factors, each a sum of products of names."""
    factors, depth, at = [], 0, 0
    for place, letter in enumerate(expression + "*"):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "*" and depth == 0:
            factors.append(expression[at:place])
            at = place + 1
    return tuple(
        tuple(tuple(part.split("*")) for part in factor.strip("()").split("+")) for factor in factors if factor
    )


def _size(name: str, sizes: Sizes) -> float:
    return float(name) if name.isdigit() else sizes[name]
