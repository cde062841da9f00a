"""Reading: how an objective wants rows of text that are no conversation to become samples.

An objective that has a `reading` gets samples whose weights and values are in place (`Sample.is_in_place`), tokenised
as the tokenizer does by itself, so that whoever uses the written model only calls its tokenizer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from whet.contracts.batch import SampleKind

Problem = Literal["single", "multi", "regression"]
QUERY, POSITIVE, NEGATIVE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Apart:
    """Each text of a row is a branch of its own, pooled over the tokens that have weight.

    `prompts` stand before queries and documents; they are pooled with the text or not. Fields, an entry a text: `role`
    (QUERY, POSITIVE or NEGATIVE) and `text`, a number that equal texts share; of sentence pairs `score` instead.
    """

    prompts: Mapping[str, str] = field(default_factory=dict)
    pools_prompt: bool = True
    kind: SampleKind = "causal"


@dataclass(frozen=True, slots=True)
class Together:
    """Query and document in one text, a branch a document, with the field `relevance`.

    `template` has `{query}` and `{document}`; without one the tokenizer joins the pair.
    """

    template: str | None = None
    kind: SampleKind = "causal"


@dataclass(frozen=True, slots=True)
class Classes:
    """A text with the field `label`: the number of its class, a 0 or 1 for each class, or the number itself.

    `labels` are the names, None until the data has told them.
    """

    problem: Problem = "single"
    labels: tuple[str, ...] | None = None
    template: str | None = None
    kind: SampleKind = "causal"


@dataclass(frozen=True, slots=True)
class Tags:
    """Words joined by blanks, with the value `label` at the first token of each, or at all of its tokens."""

    labels: tuple[str, ...] | None = None
    every: bool = False
    kind: SampleKind = "causal"


@dataclass(frozen=True, slots=True)
class Steps:
    """A prompt and steps, each closed by `separator`, with the value `label` at the last token of each."""

    separator: str = "\n"
    last_only: bool = False


Reading = Apart | Together | Classes | Tags | Steps
