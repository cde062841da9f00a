"""Sentence pairs with how alike they are."""

from typing import Any

from whet.base.catalogue import data_format
from whet.contracts.rows import Similarity
from whet.data.rows.columns import is_number, number, one_text, pair_of

_SCORES = ("score", "similarity_score", "relatedness_score", "label")


_ANY = frozenset(_SCORES)


def _matches(row: dict[str, Any]) -> bool:
    return not _ANY.isdisjoint(row) and pair_of(row) is not None and any(_is_scored(row.get(name)) for name in _SCORES)


@data_format(
    "similarity", matches=_matches, priority=75, columns=("sentence1", "sentence2", "score"), makes=("similarity",)
)
def similarity(row: dict[str, Any]) -> Similarity:
    """`sentence1`, `sentence2` and a `score`, higher for those that are more alike."""
    pair = pair_of(row)
    assert pair is not None
    score = number(next(row[name] for name in _SCORES if _is_scored(row.get(name))), "the score")
    return Similarity(one_text(row[pair[0]], pair[0]), one_text(row[pair[1]], pair[1]), score)


def _is_scored(value: Any) -> bool:
    """Whether the value is a number, even one that is not finite: then the row is refused, rather than another kind."""
    return is_number(value) or (isinstance(value, int | float) and not isinstance(value, bool))
