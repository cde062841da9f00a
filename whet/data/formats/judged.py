"""Queries with judged documents (qrels), for rerankers and embedding models."""

from typing import Any

from whet.base.catalogue import data_format
from whet.base.errors import DataError
from whet.contracts.rows import Judged
from whet.data.rows.columns import number, one_text, what

_DOCUMENTS = ("documents", "docs", "passages", "document", "doc", "passage")
_GRADES = ("relevance", "labels", "scores", "label", "score")


def _matches(row: dict[str, Any]) -> bool:
    return bool(row.get("query")) and _has(row, _DOCUMENTS) and _has(row, _GRADES)


@data_format("judged", matches=_matches, priority=78, columns=("query", "documents", "relevance"), makes=("judged",))
def judged(row: dict[str, Any]) -> Judged:
    """`query`, `documents` and the `relevance` of each, from 0; or one `document` and its relevance a row."""
    documents, grades = _listed(row, _DOCUMENTS), _listed(row, _GRADES)
    if len(documents) != len(grades):
        raise DataError(f"{len(documents)} documents have {len(grades)} relevances", hint="one relevance a document")
    texts = [one_text(document, "documents") for document in documents]
    return Judged(one_text(row["query"], "query"), texts, [_grade(value) for value in grades])


def _grade(value: Any) -> float:
    """A relevance or a score. Raises DataError where it is no finite number from 0 on."""
    grade = float(value) if isinstance(value, bool) else number(value, "a relevance")
    if grade < 0:
        raise DataError(f"a relevance is {what(value)}", hint="a relevance is a finite number from 0 on")
    return grade


def _has(row: dict[str, Any], names: tuple[str, ...]) -> bool:
    return any(row.get(name) is not None for name in names)


def _listed(row: dict[str, Any], names: tuple[str, ...]) -> list[Any]:
    value = next(row[name] for name in names if row.get(name) is not None)
    return list(value) if isinstance(value, list | tuple) else [value]
