"""What can be told of data without a tokenizer: rows, their kind, letters by script, and an estimate of tokens."""

from __future__ import annotations

import sys
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import islice
from typing import Any

from whet.base.catalogue import data_format
from whet.base.errors import DataError
from whet.data.refusal import Refused
from whet.data.rows.detect import Detector
from whet.data.sources.files import Source, count_rows, read_rows
from whet.plan.advice import DataFacts

LOOKED_AT = 2000  # rows
# Letters of a token, by script: what vocabularies of 100,000 to 250,000 tokens reach on running text. Rough.
LETTERS: Mapping[str, float] = {
    "latin": 4.2, "cjk": 1.5, "kana": 1.6, "hangul": 1.7, "cyrillic": 3.0, "greek": 2.5, "arabic": 2.7, "hebrew": 2.3,
    "devanagari": 2.4, "thai": 2.3,
}  # fmt: skip
_OTHER = 2.5
_FRAME = 8  # tokens that a template puts around a turn or a text


def data_facts(source: Source, most: int = LOOKED_AT) -> DataFacts:
    """Of the first rows, at `most` so many, and of all where there are more, as far as these tell.

    Rows that the run would refuse count for nothing. Raises DataError where no row is one.
    """
    num_seen, labels = 0, Labels()
    detector = Detector(source.format)
    lengths: list[float] = []
    scripts: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    for number, row in islice(read_rows(source), most):
        num_seen += 1
        made = detector.parse(row, f"{source.name} row {number}")
        if isinstance(made, Refused):
            continue
        kinds[made.kind] += 1
        labels.note(row)
        letters = Counter(script(letter) for text in _texts(row) for letter in text)
        scripts += letters
        lengths.append(sum(count / LETTERS.get(name, _OTHER) for name, count in letters.items()) + _FRAME)
    if not lengths:
        raise DataError(f"{source.name} has no row that can be learned from", at="DATA", hint=f"head -3 {source.name}")
    rows = len(lengths) if num_seen < most else round(_all_rows(source) * len(lengths) / num_seen)
    letters = Counter({name: count for name, count in scripts.items() if name != "other"}) or scripts
    usual, count = letters.most_common(1)[0]
    tokens = round(rows * sum(lengths) / len(lengths))
    return DataFacts(
        rows,
        tokens,
        _rounded(max(lengths)),
        kinds.most_common(1)[0][0],
        usual,
        count / letters.total(),
        num_seen - len(lengths),
        kinds.most_common(1)[0][0] == "text" and labels.are_classes(len(lengths)),
    )


class Labels:
    """Labels beside texts: a corpus may have some, but few different ones of all rows are classes to learn."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.classified = data_format.get("classified").facts

    def note(self, row: Any) -> None:
        matches = self.classified.matches
        if matches is not None and isinstance(row, dict) and matches(row):
            self.counts[str(row.get("label", row.get("labels")))] += 1

    def are_classes(self, rows: int) -> bool:
        return self.counts.total() == rows and 2 <= len(self.counts) <= rows // 3


def _all_rows(source: Source) -> int:
    """Rows of the source; of those that are chosen by chance, as many as are."""
    return min(count_rows(source), source.samples or sys.maxsize)


def _rounded(tokens: float) -> int:
    """Up, to a power of two of at least 256: the estimate is no closer."""
    length = 256
    while length < tokens * 1.1:
        length *= 2
    return length


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


@cache
def script(letter: str) -> str:
    """The script of a letter; digits, signs and spaces are `other`, and so are letters of scripts that are not told."""
    if not letter.isalpha():
        return "other"
    word = unicodedata.name(letter, "").partition(" ")[0].lower()
    word = {"hiragana": "kana", "katakana": "kana"}.get(word, word)
    return word if word in LETTERS else "other"
