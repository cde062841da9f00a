"""Sentence pairs with how alike they are."""

import math
from typing import Any

from whet.base.catalogue import data_format
from whet.base.errors import DataError
from whet.contracts.rows import Similarity
from whet.data.formats.retrieval import one_text

PAIRS = (("sentence1", "sentence2"), ("sentence_A", "sentence_B"), ("text1", "text2"), ("first", "second"))
_SCORES = ("score", "similarity_score", "relatedness_score", "label")


def pair_of(row: dict[str, Any]) -> tuple[str, str] | None:
    """The columns of the row's two sentences, in the spellings in use."""
    return next((pair for pair in PAIRS if all(isinstance(row.get(name), str) for name in pair)), None)


def _matches(row: dict[str, Any]) -> bool:
    return pair_of(row) is not None and any(_is_number(row.get(name)) for name in _SCORES)


@data_format(
    "similarity", matches=_matches, priority=75, columns=("sentence1", "sentence2", "score"), makes=("similarity",)
)
def similarity(row: dict[str, Any]) -> Similarity:
    """`sentence1`, `sentence2` and a `score`, higher for those that are more alike."""
    pair = pair_of(row)
    assert pair is not None
    score = float(next(row[name] for name in _SCORES if _is_number(row.get(name))))
    if not math.isfinite(score):
        raise DataError(f"the score is {score}")
    return Similarity(one_text(row[pair[0]], pair[0]), one_text(row[pair[1]], pair[1]), score)


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return not isinstance(value, bool)
