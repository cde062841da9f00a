"""What a model with a head says of texts, pairs of texts, documents and conversations, one after the other or many."""

# N texts  C scores

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from whet.base.errors import ModelError
from whet.contracts.model import Head, Loaded
from whet.contracts.reading import Classes, Together
from whet.contracts.rows import Classified, Judged, Row
from whet.contracts.sample import Origin, Sample
from whet.data.chat.template import chat_template
from whet.evaluate.classes import problem_of
from whet.evaluate.result import Watch
from whet.evaluate.scores import head, samples_of, scores

BATCH_TOKENS = 8192
_PLACE = Origin("input", 0)


class Scored(NamedTuple):
    """Scores (N, C) float32 as the head gives them, and how many tokens were read."""

    scores: np.ndarray
    num_tokens: int

    def parts(self, head: Head) -> np.ndarray:
        """Chances (N, C) where the scores are of classes: of one among them, or of each by itself; else the scores."""
        kind, wide = problem_of(head), self.scores.astype(np.float64)
        if kind == "single":
            raised = np.exp(wide - wide.max(1, keepdims=True))
            return raised / raised.sum(1, keepdims=True)
        return chance(wide) if kind == "multi" else wide


def chance(scores: np.ndarray) -> np.ndarray:
    """Scores of any size between 0 and 1 (the logistic function)."""
    return 0.5 * (1 + np.tanh(scores.astype(np.float64) / 2))


def score_texts(
    loaded: Loaded, texts: Sequence[str | tuple[str, str]], batch_tokens: int = BATCH_TOKENS,
    watch: Watch | None = None, *, cuts: bool = True, told: Callable[[int], None] | None = None,
) -> Scored:  # fmt: skip
    """Scores of texts, or of pairs, read as the model was trained. Texts beyond the model's context are cut, of which
    `told` is told the numbers.

    Raises DataError for what it cannot read, and without `cuts` for what would be cut.
    """
    own = _of_sequences(loaded)
    labels = own.labels or ("",)
    reading = Classes("regression", labels, own.notes.get("whet_template"))
    nothing = [0.0] * len(labels)
    rows: list[tuple[Row, Origin]] = [
        (Classified(one, nothing) if isinstance(one, str) else Classified(one[0], nothing, one[1]), _at(i))
        for i, one in enumerate(texts)
    ]
    return _scored(loaded, samples_of(loaded, reading, rows, cuts=cuts, told=told), batch_tokens, watch)


def score_relevance(
    loaded: Loaded, pairs: Sequence[tuple[str, str]], batch_tokens: int = BATCH_TOKENS, watch: Watch | None = None,
    *, cuts: bool = True, told: Callable[[int], None] | None = None,
) -> Scored:  # fmt: skip
    """How relevant each document is to its query (N, 1). Raises ModelError for a model of several classes, and without
    `cuts` DataError for a document that the model's context cuts; `told` is told which are cut."""
    own = _of_sequences(loaded)
    if len(own.labels or ("",)) != 1:
        said = "the model gives classes, not the relevance of a document"
        raise ModelError(said, hint="a model trained with `objective: reranker`")
    reading = Together(own.notes.get("whet_template"))
    rows: list[tuple[Row, Origin]] = [(Judged(query, [one], [0.0]), _at(i)) for i, (query, one) in enumerate(pairs)]
    return _scored(loaded, samples_of(loaded, reading, rows, cuts=cuts, told=told), batch_tokens, watch)


def score_conversations(
    loaded: Loaded, conversations: Sequence[Sequence[Mapping[str, Any]]], batch_tokens: int = BATCH_TOKENS,
    watch: Watch | None = None,
) -> Scored:  # fmt: skip
    """Scores of whole conversations, written by the model's own template: rewards, of a reward model.

    Raises ModelError for one that is longer than the model's context: a cut end is another conversation.
    """
    _of_sequences(loaded)
    tokenizer: Any = loaded.processor
    template, context = chat_template(tokenizer), loaded.capabilities.context
    samples = []
    for messages in conversations:
        ids = tokenizer.encode(template.render([dict(one) for one in messages]), add_special_tokens=False)
        if context is not None and len(ids) > context:
            said = f"a conversation has {len(ids):,} tokens, and the model takes {context:,}"
            raise ModelError(said, hint="a shorter conversation")
        samples.append(Sample(np.array(ids, np.int32), np.zeros(len(ids), np.float32)))
    return _scored(loaded, samples, batch_tokens, watch)


def _scored(loaded: Loaded, samples: Sequence[Sample], batch_tokens: int, watch: Watch | None) -> Scored:
    found = np.concatenate(scores(loaded, samples, "scores", batch_tokens, watch))
    return Scored(found, sum(sample.num_tokens for sample in samples))


def _of_sequences(loaded: Loaded) -> Head:
    own = head(loaded)
    if own.kind != "sequence":
        said = "the model scores words, not whole texts" if own.kind == "token" else "the model gives hidden states"
        raise ModelError(said, hint="a classifier, a reranker or a reward model")
    return own


def _at(number: int) -> Origin:
    return replace(_PLACE, row=number)
