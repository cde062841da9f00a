"""Reward models: a number for each reply, higher for the better one."""

from __future__ import annotations

from whet.base.catalogue import objective
from whet.base.settings import NonNegative
from whet.contracts.objective import Objective


@objective("reward", takes=("preference",))
def reward(*, center: NonNegative = 0.0) -> Objective:
    """Give chosen replies a higher score than rejected ones (Bradley-Terry), by a pair's `margin` where it has one.

    center: weight of the squared sum of a pair's scores, which keeps them around 0
    """
    from whet.objectives.bradley_terry import BradleyTerry

    return BradleyTerry({"pairs": 1.0, **({"center": center} if center else {})})
