"""Supervised fine-tuning."""

from __future__ import annotations

from whet.base.catalogue import objective
from whet.contracts.objective import Objective


@objective("sft", takes=("conversation", "completion", "text"))
def sft() -> Objective:
    """Next-token loss on the replies of conversations and on completions (raw text counts whole)."""
    from whet.objectives.next_token import NextToken

    return NextToken()
