"""Masked language modelling."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Gt, Lt

from whet.base.catalogue import objective
from whet.base.settings import Fraction
from whet.contracts.objective import Objective


@objective("mlm", takes=("text",), families=("masked",), form="masking")
def mlm(
    *,
    rate: Annotated[float, Gt(0), Lt(1)] = 0.15,
    whole_words: bool = False,
    mask_share: Fraction = 0.8,
    random_share: Fraction = 0.1,
) -> Objective:
    """Fill in masked tokens of raw text (BERT). Which are masked changes from pass to pass, and never when measuring.

    rate: share of a passage's tokens that are to be filled in
    whole_words: choose words instead of single tokens
    mask_share: share of the chosen tokens that become the mask token
    random_share: share of the chosen tokens that become another token; the rest stay as they are
    """
    from whet.base.errors import ConfigError
    from whet.objectives.next_token import NextToken

    if mask_share + random_share > 1:
        raise ConfigError(
            f"`mask_share` {mask_share:g} and `random_share` {random_share:g} are more than all of the chosen tokens",
            at="objective.random_share",
            hint=f"objective.random_share={1 - mask_share:g}",
        )
    return NextToken()
