"""Formulas with a model's sizes put in: what is left are products of what a slider changes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from whet.base.errors import ModelError
from whet.plan.architecture import Stretch
from whet.plan.formulas import Sizes, Terms, names, value

# What a step has more or less of while the model stays: tokens at once, those with a loss, of a chunk of the loss, and
# those that each one's attention is kept with.
RUN = ("tokens", "trained", "chunk", "seen")
_PRIMES: Mapping[str, float] = dict(zip(RUN, (2.0, 3.0, 5.0, 7.0), strict=True))
_ONES: Mapping[str, float] = dict.fromkeys(RUN, 1.0)


def folded(terms: Terms, sizes: Sizes) -> dict[str, float]:
    """Bytes by product of RUN, such as `tokens*seen`. Raises ModelError for a formula that is no sum of products."""
    found: dict[str, float] = {}
    for expression, num_bytes in terms.items():
        left = sorted(names(expression) & set(RUN))
        number = value(expression, {**sizes, **_ONES})
        if value(expression, {**sizes, **_PRIMES}) != number * math.prod(_PRIMES[name] for name in left):
            raise ModelError(
                f"`{expression}` is no product of what a step has", at="model", hint="whet plan llama-3.1-8b"
            )
        key = "*".join(left)
        found[key] = found.get(key, 0.0) + num_bytes * number
    return {key: _whole(number) for key, number in found.items() if number}


def folded_stretch(stretch: Stretch, sizes: Sizes) -> dict[str, Any]:
    """A stretch with bytes of activations and of gradients, left and at high tides."""

    def both(piece: tuple[Terms, Terms]) -> list[dict[str, float]]:
        return [folded(piece[0], sizes), folded(piece[1], sizes)]

    return {"left": both(stretch.left), "tides": [both(tide) for tide in stretch.tides]}


def _whole(number: float) -> float:
    """An integer where it is one: shorter, and the same."""
    return int(number) if number == int(number) else number
