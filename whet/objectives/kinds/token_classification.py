"""Classification of tokens: names in a text, parts of speech."""

from __future__ import annotations

from typing import Literal

from whet.base.catalogue import objective
from whet.base.settings import Momentum
from whet.contracts.objective import Objective, Traits


@objective(
    "token-classification",
    takes=("tagged",),
    families=("causal", "masked"),
    settings={"attention=bidirectional": "objective.bidirectional"},
)
def token_classification(
    *,
    labels: tuple[str, ...] | None = None,
    label_smoothing: Momentum = 0.0,
    tokens: Literal["first", "all"] = "first",
    attention: Literal["causal", "bidirectional"] = "causal",
) -> Objective:
    """Learn the label of each word.

    labels: names of the classes, in order; by default those of the training data, sorted
    label_smoothing: share of the target that goes to all classes alike
    tokens: the first token of a word is trained, or all of them
    attention: `bidirectional` lets a decoder's tokens see what follows them
    """
    from whet.contracts.model import Head
    from whet.contracts.reading import Tags
    from whet.objectives.classes import TokenClasses

    head = Head("token", None, None, attention == "causal")
    reading = Tags(labels, tokens == "all", attention)
    return TokenClasses(Traits(reading=reading, head=head), label_smoothing)
