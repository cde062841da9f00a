"""Texts apart: queries, documents and sentence pairs as branches that do not see each other, for embedding models."""

# T tokens of all branches   B branches

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from whet.contracts.reading import NEGATIVE, POSITIVE, QUERY, Apart
from whet.contracts.rows import Judged, Retrieval, Row, Similarity
from whet.contracts.sample import Origin, Sample
from whet.data.refusal import RowRefused

if TYPE_CHECKING:
    from tokenizers import Encoding

    from whet.data.render.tokenizer_facts import Facts


def texts(reading: Apart, row: Row, facts: Facts) -> list[str]:
    """The texts of a row, each after its prompt: the query, what answers it, what does not."""
    query, document = (reading.prompts.get(side, "") for side in ("query", "document"))
    if isinstance(row, Similarity):
        return [query + row.first, document + row.second]
    assert isinstance(row, Retrieval | Judged)
    positives, negatives = _sides(row)
    return [query + row.query, *(document + text for text in (*positives, *negatives))]


def sample(
    reading: Apart, row: Row, encodings: Sequence[Encoding], facts: Facts, origin: Origin
) -> tuple[Sample, bool]:
    """A group with a branch a text. Weights are 1 where a token is pooled."""
    pieces = [np.array(encoding.ids, np.int32) for encoding in encodings]
    weights = [np.ones(len(piece), np.float32) for piece in pieces]
    if not reading.pools_prompt:
        for number, weight in enumerate(weights):
            weight[: _prompt_length(reading, number == 0, facts)] = 0
            if not weight.any():
                raise RowRefused(
                    "nothing_left",
                    "a text is no longer than its prompt",
                    "data.max_length with room for more than the prompt",
                )
    cuts = tuple(np.cumsum([0, *map(len, pieces[:-1])]).tolist())
    return Sample(
        np.concatenate(pieces), np.concatenate(weights), _fields(row, pieces), origin, cuts,
        is_in_place=True, kind=reading.kind,
    ), False  # fmt: skip


def _fields(row: Row, pieces: Sequence[np.ndarray]) -> dict[str, Any]:
    if isinstance(row, Similarity):
        return {"score": np.full(2, row.score, np.float32)}
    assert isinstance(row, Retrieval | Judged)
    positives, negatives = _sides(row)
    roles = [QUERY, *[POSITIVE] * len(positives), *[NEGATIVE] * len(negatives)]
    return {"role": np.array(roles, np.int64), "text": np.array([_name(piece) for piece in pieces], np.int64)}


def _sides(row: Retrieval | Judged) -> tuple[list[str], list[str]]:
    if isinstance(row, Retrieval):
        return list(row.positives), list(row.negatives)
    pairs = list(zip(row.documents, row.relevance, strict=True))
    positives = [text for text, grade in pairs if grade > 0]
    if not positives:
        raise RowRefused(
            "no_positive",
            "no document of the query is relevant, so there is nothing to come near to",
            "leave the row out",
        )
    return positives, [text for text, grade in pairs if grade <= 0]


def _prompt_length(reading: Apart, is_query: bool, facts: Facts) -> int:
    """Tokens of the prompt by itself, what begins the text included and what ends it not."""
    prompt = reading.prompts.get("query" if is_query else "document", "")
    return len(facts.encode(prompt)) - facts.ends if prompt else 0


def _name(ids: np.ndarray) -> int:
    """A number that texts of the same tokens share."""
    return int.from_bytes(hashlib.blake2b(ids.tobytes(), digest_size=8).digest(), "little", signed=True)
