"""Sentence pairs with how alike they are."""

import math
from typing import Any

from whet.base.catalogue import data_format
from whet.base.errors import DataError
from whet.contracts.rows import Similarity
from whet.data.columns import one_text, pair_of

_SCORES = ("score", "similarity_score", "relatedness_score", "label")


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
