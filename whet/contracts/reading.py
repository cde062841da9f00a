"""Reading: how an objective wants rows of text that are no conversation to become samples.

An objective that has a `reading` gets samples whose weights and values are in place (`Sample.is_in_place`), tokenised
as the tokenizer does by itself, so that whoever uses the written model only calls its tokenizer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from whet.contracts.example import sample_of
from whet.contracts.sample import Sample
from whet.contracts.sight import SampleKind

if TYPE_CHECKING:
    import numpy as np

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

    def example(self, ids: np.ndarray) -> Sample:
        """A query and what answers it, half of the tokens each."""
        return sample_of(ids, branches=2, fields={"role": (QUERY, POSITIVE), "text": (0, 1)}, in_place=self.kind)


@dataclass(frozen=True, slots=True)
class Together:
    """Query and document in one text, a branch a document, with the field `relevance`.

    `template` has `{query}` and `{document}`; without one the tokenizer joins the pair.
    """

    template: str | None = None
    kind: SampleKind = "causal"

    def example(self, ids: np.ndarray) -> Sample:
        """Two documents, one of them relevant, half of the tokens each."""
        return _of_lasts(sample_of(ids, branches=2, fields={"relevance": (1.0, 0.0)}, in_place=self.kind))


@dataclass(frozen=True, slots=True)
class Classes:
    """A text with the field `label`: the number of its class, a 0 or 1 for each class, or the number itself.

    `labels` are the names, None until the data has told them.
    """

    problem: Problem = "single"
    labels: tuple[str, ...] | None = None
    template: str | None = None
    kind: SampleKind = "causal"

    def example(self, ids: np.ndarray) -> Sample:
        """A text of the first class, or with a 0 for each that is known."""
        label = 0 if self.problem == "single" else [0.0] * len(self.labels or ("",))
        return _of_lasts(sample_of(ids, fields={"label": label}, in_place=self.kind))


@dataclass(frozen=True, slots=True)
class Tags:
    """Words joined by blanks, with the value `label` at the first token of each, or at all of its tokens."""

    labels: tuple[str, ...] | None = None
    every: bool = False
    kind: SampleKind = "causal"

    def example(self, ids: np.ndarray) -> Sample:
        """Words of one token each, all of the first class."""
        tagged = sample_of(ids, values=("label",), in_place=self.kind)
        return replace(tagged, values={"label": tagged.values["label"].astype(int)})


@dataclass(frozen=True, slots=True)
class Steps:
    """A prompt and steps, each closed by `separator`, with the value `label` at the last token of each."""

    separator: str = "\n"
    last_only: bool = False

    def example(self, ids: np.ndarray) -> Sample:
        """Steps of one token each, all of them wrong."""
        return sample_of(ids, values=("label",), in_place="causal")


@dataclass(frozen=True, slots=True)
class Infill:
    """A `rate` of documents that are rearranged to be filled in, a share `spm` of them with the suffix first. `tokens`
    come before prefix, suffix and middle; none: those of a known kind that the tokenizer has."""

    rate: float
    spm: float
    tokens: tuple[str, ...]


Reading = Apart | Together | Classes | Tags | Steps


def _of_lasts(sample: Sample) -> Sample:
    """The sample with a weight at the last token of each branch alone."""
    weights = sample.weights * 0
    weights[[branch.stop - 1 for branch in sample.branches]] = 1
    return replace(sample, weights=weights)
