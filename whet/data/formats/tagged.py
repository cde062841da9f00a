"""Words with a label each: names of people and places, parts of speech."""

from typing import Any

from whet.base.catalogue import data_format
from whet.base.errors import DataError
from whet.contracts.rows import Tagged
from whet.data.rows.columns import label_of

_WORDS = ("tokens", "words")
_LABELS = ("tags", "ner_tags", "pos_tags", "labels")


def _matches(row: dict[str, Any]) -> bool:
    return any(_is_words(row.get(name)) for name in _WORDS) and any(isinstance(row.get(n), list) for n in _LABELS)


@data_format("tagged", matches=_matches, priority=60, columns=("tokens", "tags"), makes=("tagged",))
def tagged(row: dict[str, Any]) -> Tagged:
    """`tokens`, a list of words, and `tags` (or `ner_tags`, `labels`), a name or a number each; -100 is no label."""
    words = next(row[name] for name in _WORDS if _is_words(row.get(name)))
    labels = next(row[name] for name in _LABELS if isinstance(row.get(name), list))
    if len(words) != len(labels):
        raise DataError(f"{len(words)} words have {len(labels)} labels", hint="one label a word")
    if any(not word.strip() for word in words):
        raise DataError("a word is empty", hint="leave it out, with its label")
    return Tagged(words, [label_of(label) for label in labels])


def _is_words(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(word, str) for word in value)
