"""Odds ratio preference optimisation: imitation and preference in one stage, without a reference."""

from __future__ import annotations

from whet.base.catalogue import objective
from whet.base.settings import Positive
from whet.contracts.objective import Objective


@objective("orpo", takes=("preference",))
def orpo(*, weight: Positive = 0.1) -> Objective:
    """Next-token loss of chosen replies plus the odds ratio between chosen and rejected (Hong et al. 2024).

    weight: weight of the odds ratio (lambda)
    """
    from whet.objectives.pair_losses import Shape, odds
    from whet.objectives.preference import SFT, Preference

    return Preference({"odds": odds}, {SFT: 1.0, "odds": 1.0}, Shape(weight), reference=None)
