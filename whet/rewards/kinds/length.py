"""How long a text is."""

from __future__ import annotations

from functools import partial
from typing import Literal

from whet.base.catalogue import reward
from whet.base.errors import ConfigError
from whet.base.settings import Natural
from whet.contracts.rewards import Reward
from whet.rewards.answer import Each, Row


@reward("length")
def length(
    *,
    least: Natural = 0,
    most: Natural | None = None,
    margin: Natural = 0,
    unit: Literal["words", "characters"] = "words",
) -> Reward:
    """0 where the completion's length is within bounds, -1 where it is `margin` or more outside, on a line between.

    least: shortest length without penalty
    most: longest length without penalty; none by default
    margin: how far outside the bounds the penalty is whole (Yu et al. 2025, equation 13); 0: at once
    unit: what is counted
    """
    if most is not None and most < least:
        raise ConfigError(f"no length is at least {least} and at most {most}", hint=f"most: {least}")
    if not least and most is None:
        raise ConfigError("`length` without `most` or `least` bounds nothing", hint="most: 400")
    return Each(partial(_penalty, least, most, margin, unit))


def _penalty(least: int, most: int | None, margin: int, unit: str, completion: str, row: Row) -> float:
    size = len(completion.split()) if unit == "words" else len(completion)
    outside = max(least - size, 0 if most is None else size - most, 0)
    return 0.0 - min(outside / margin if margin else outside, 1)
