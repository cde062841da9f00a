"""Rerankers: how well a document answers a query, with both in one text (a cross-encoder)."""

from __future__ import annotations

from typing import Literal

from whet.base.catalogue import objective
from whet.base.settings import Positive
from whet.contracts.objective import Objective, Traits


@objective(
    "reranker",
    takes=("retrieval", "judged"),
    families=("causal", "masked"),
    settings={"attention=bidirectional": "objective.bidirectional"},
)
def reranker(
    *,
    loss: Literal["pointwise", "pairwise", "listwise"] = "pointwise",
    template: str | None = "{query}\n{document}",
    highest: Positive | None = None,
    attention: Literal["causal", "bidirectional"] = "causal",
) -> Objective:
    """Score documents behind a query: each by itself, against less relevant ones, or all of a query at once.

    loss: what is compared
    template: makes one text of query and document; null: the tokenizer joins them, as encoders want it
    highest: the relevance that counts as certain (`pointwise`; 1)
    attention: `bidirectional` lets a decoder's tokens see what follows them
    """
    from whet.base.errors import ConfigError
    from whet.contracts.model import Head
    from whet.contracts.reading import Together
    from whet.objectives.ranking import Ranking

    if highest and loss != "pointwise":
        raise ConfigError(
            f"`highest` does nothing with `{loss}`", at="objective.highest", hint="objective.highest=null"
        )
    if template is not None and not 0 <= template.find("{query}") < template.find("{document}"):
        raise ConfigError(
            "the template lacks {query} or, after it, {document}", at="objective.template",
            hint="template: '{query}\\n{document}'",
        )  # fmt: skip
    notes = {} if template is None else {"whet_template": template}
    head = Head("sequence", ("relevance",), None, attention == "causal", notes)
    return Ranking(loss, Traits(reading=Together(template, attention), head=head), highest or 1.0)
