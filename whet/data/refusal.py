"""Saying no: a row that cannot be trained on, and kinds of rows that an objective does not take."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from whet.base.errors import DataError

_MEANT_FOR = {
    "text": ("raw text", "`sft` or `pretrain`"),
    "completion": ("prompts with completions", "`sft`"),
    "conversation": ("conversations", "`sft`"),
    "preference": ("preference pairs (a chosen and a rejected reply)", "`dpo`"),
    "labelled": ("replies marked good or bad", "`kto`"),
    "prompt": ("prompts without replies", "`grpo`"),
    "multimodal": ("conversations with images, audio or video", "an objective that takes `multimodal` rows"),
    "retrieval": ("queries with documents", "`embedding` or `reranker`"),
    "judged": ("queries with judged documents", "`embedding` or `reranker`"),
    "similarity": ("sentence pairs with a score", "`similarity`"),
    "classified": ("texts with labels", "`sequence-classification`"),
    "tagged": ("words with labels", "`token-classification`"),
    "stepwise": ("solutions with a label a step", "`process-reward`"),
    "values": ("named numbers", "a model without tokens, such as `model: {kind: mlp}`"),
}


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that cannot be trained on: `reason` is one word for the ledger, `detail` says what is wrong with it."""

    reason: str
    detail: str
    hint: str | None = None


class RowRefused(Exception):
    """Carries a `Refused` out of the steps that render one row."""

    def __init__(self, reason: str, detail: str, hint: str | None = None) -> None:
        super().__init__(detail)
        self.refused = Refused(reason, detail, hint)


def refusal(kind: str, takes: Collection[str], *, at: str | None = None) -> DataError:
    """The error for rows of `kind` handed to an objective that takes other kinds: what they are and are for."""
    words, purpose = _MEANT_FOR.get(kind, (f"`{kind}` rows", "another objective"))
    taken = " or ".join(_MEANT_FOR[k][0] if k in _MEANT_FOR else f"`{k}` rows" for k in sorted(takes))
    return DataError(
        f"the rows are {words}; they are for {purpose}, and what is asked for is {taken}",
        at=at,
        hint=f"set the objective to {purpose}, or give it other data" if purpose.startswith("`") else None,
    )
