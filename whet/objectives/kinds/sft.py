"""Supervised fine-tuning."""

from __future__ import annotations

from typing import Literal

from whet.base.catalogue import objective
from whet.contracts.objective import Objective


@objective(
    "sft",
    takes=("conversation", "completion", "text", "sample"),
    usual=True,
    families=("causal", "seq2seq"),
    drawn_labels=True,
    traced=True,
)
def sft(*, weighting: Literal["none", "dft", "entropy"] = "none") -> Objective:
    """Next-token loss on the replies of conversations and on completions (raw text counts whole).

    weighting: of each token: all alike, by its probability (`dft`), or by the `entropy` of its prediction
    """
    if weighting == "none":
        from whet.objectives.next_token import NextToken

        return NextToken()
    from whet.objectives.reweighted import DynamicTokens, EntropyTokens

    return DynamicTokens() if weighting == "dft" else EntropyTokens()
