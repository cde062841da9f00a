"""Texts, or pairs of them, with a label each."""

from typing import Any

from whet.base.catalogue import data_format
from whet.contracts.rows import Classified
from whet.data.rows.columns import label_of, one_text, pair_of

_TEXTS = ("text", "sentence", "content")
_SECONDS = ("text_pair", "second")
_LABELS = ("label", "labels", "score")


def _columns(row: dict[str, Any]) -> tuple[str, str | None] | None:
    if isinstance(row.get("premise"), str) and isinstance(row.get("hypothesis"), str):
        return "premise", "hypothesis"
    first = next((name for name in _TEXTS if isinstance(row.get(name), str)), None)
    if first is None:
        return pair_of(row)
    return first, next((name for name in _SECONDS if isinstance(row.get(name), str)), None)


def _matches(row: dict[str, Any]) -> bool:
    return _columns(row) is not None and any(row.get(name) is not None for name in _LABELS)


# Below `text`: rows of a corpus often have a label too, and only an objective of classes reads it.
@data_format("classified", matches=_matches, priority=15, columns=("text", "label"), makes=("classified",))
def classified(row: dict[str, Any]) -> Classified:
    """A `text` (perhaps with a `text_pair`) and its `label`: a name, a number, or a list of them."""
    columns = _columns(row)
    assert columns is not None
    first, second = columns
    label = next(row[name] for name in _LABELS if row.get(name) is not None)
    for value in label if isinstance(label, list | tuple) else [label]:
        label_of(value)
    pair = one_text(row[second], second) if second else None
    return Classified(one_text(row[first], first), label, pair)
