"""Queries with the documents that answer them, for embedding models and rerankers."""

from typing import Any

from whet.base.catalogue import data_format
from whet.base.errors import DataError
from whet.contracts.rows import Retrieval
from whet.data.rows.columns import one_text

QUERIES = ("query", "anchor")
_POSITIVES = ("positive", "positives", "pos")
_NEGATIVES = ("negative", "negatives", "neg")


def _matches(row: dict[str, Any]) -> bool:
    return bool(row.get("query") or row.get("anchor")) and any(row.get(name) for name in _POSITIVES)


@data_format(
    "retrieval", matches=_matches, priority=80, columns=("query", "positive", "negatives"), makes=("retrieval",)
)
def retrieval(row: dict[str, Any]) -> Retrieval:
    """`query` (or `anchor`) with `positive` and, where there are hard ones, `negative`: a text each, or several."""
    query = next(row[name] for name in QUERIES if row.get(name))
    numbered = sorted((name for name in row if name.startswith("negative_")), key=lambda name: (len(name), name))
    positives = [text for name in _POSITIVES for text in _texts(row.get(name), name)]
    negatives = [text for name in (*_NEGATIVES, *numbered) for text in _texts(row.get(name), name)]
    both = set(positives) & set(negatives)
    if both:
        said = f"a document is positive and negative at once: {next(iter(both))[:60]!r}"
        raise DataError(said, hint="leave it out of the negatives")
    return Retrieval(one_text(query, "query"), positives, negatives)


def _texts(value: Any, name: str) -> list[str]:
    values = value if isinstance(value, list | tuple) else [] if value in (None, "") else [value]
    return [one_text(text, name) for text in values]
