"""Texts together: a query and a document in one text, a branch a document, for rerankers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from whet.contracts.reading import Together
from whet.contracts.rows import Judged, Retrieval, Row
from whet.contracts.sample import Origin, Sample
from whet.data.render.text_pairs import Joined, joined

if TYPE_CHECKING:
    from tokenizers import Encoding

    from whet.data.render.tokenizer_facts import Facts


def texts(reading: Together, row: Row, facts: Facts) -> list[Joined]:
    """The query with each document, by the template, or as the pair that the tokenizer joins."""
    assert isinstance(row, Retrieval | Judged)
    documents, _ = graded(row)
    return [joined(reading.template, query=row.query, document=document) for document in documents]


def sample(
    reading: Together, row: Row, encodings: Sequence[Encoding], facts: Facts, origin: Origin
) -> tuple[Sample, bool]:
    """A group with a branch a document behind the tokens that all share; the last token of each has the weight."""
    assert isinstance(row, Retrieval | Judged)
    _, grades = graded(row)
    pieces = [np.array(encoding.ids, np.int32) for encoding in encodings]
    shared = _shared(pieces) if reading.kind == "causal" and reading.template is not None else 0
    rests = [piece[shared:] for piece in pieces]
    weights = np.zeros(shared + sum(map(len, rests)), np.float32)
    weights[shared + np.cumsum([len(rest) for rest in rests]) - 1] = 1
    cuts = tuple((shared + np.cumsum([0, *map(len, rests[:-1])])).tolist())
    values = {}
    if facts.typed and reading.template is None:
        values["token_types"] = np.concatenate([np.array(e.type_ids, np.int64) for e in encodings])
    return Sample(
        np.concatenate([pieces[0][:shared], *rests]), weights, {"relevance": np.array(grades, np.float32)}, origin,
        cuts, values=values, is_in_place=True, kind=reading.kind,
    ), False  # fmt: skip


def graded(row: Retrieval | Judged) -> tuple[list[str], list[float]]:
    """The documents of a row, and how relevant each is."""
    if isinstance(row, Judged):
        return list(row.documents), list(row.relevance)
    return [*row.positives, *row.negatives], [1.0] * len(row.positives) + [0.0] * len(row.negatives)


def _shared(pieces: Sequence[np.ndarray]) -> int:
    """Tokens that all begin with; each keeps one of its own."""
    limit = min(map(len, pieces)) - 1
    same = np.ones(limit, bool)
    for other in pieces[1:]:
        same &= pieces[0][:limit] == other[:limit]
    return limit if same.all() else int(same.argmin())
