"""Kahneman-Tversky optimisation: learning from single replies marked good or bad."""

from __future__ import annotations

from whet.base.catalogue import objective
from whet.base.settings import NonNegative, Positive
from whet.contracts.objective import Objective, Reference


@objective(
    "kto",
    takes=("labelled", "preference"),
    usual=True,
    streams=("baseline",),
    settings={"reference=stored": "objective.stored"},
)
def kto(
    *,
    beta: Positive = 0.1,
    desirable: NonNegative = 1.0,
    undesirable: NonNegative = 1.0,
    reference: Reference = "auto",
) -> Objective:
    """Raise replies marked good and lower those marked bad, against a reference; a pair counts as one of each.

    beta: how strongly the policy is held to the reference
    desirable: weight of good replies
    undesirable: weight of bad replies
    reference: a frozen `copy`, the model with `adapters` off, or `stored` log-probabilities computed once
    """
    from whet.objectives.kto import Labelled

    return Labelled(beta, desirable, undesirable, reference)
