"""Pre-training and continued pre-training."""

from __future__ import annotations

from whet.base.catalogue import objective
from whet.contracts.objective import Objective


@objective("pretrain", takes=("text",))
def pretrain() -> Objective:
    """Next-token loss on every token of raw text."""
    from whet.objectives.next_token import NextToken

    return NextToken()
