"""What rewards read: the text after a model's thinking, the `answer` of a row, texts in one spelling."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from whet.contracts.rewards import Message, Score
from whet.generate.thinking import CLOSE, OPEN

Row = Mapping[str, Any]


class NoColumn(ValueError):
    """The row lacks what the reward compares with."""


@dataclass(frozen=True, slots=True)
class Each:
    """A reward that looks at one completion at a time. `score` can be pickled, so that worker processes have it."""

    is_whole: ClassVar[bool] = False  # the grader asks about one completion at a time
    score: Callable[[str, Row], Score]

    def __call__(self, prompt: Sequence[Message], completions: Sequence[str], row: Row) -> list[Score]:
        return [self.score(completion, row) for completion in completions]


def column(row: Row, name: str) -> Any:
    """A value that the reward cannot do without. Raises NoColumn."""
    if row.get(name) is None:
        raise NoColumn(f"the row has no `{name}`; it has {', '.join(map(repr, row)) or 'no columns'}")
    return row[name]


def references(row: Row, name: str = "answer") -> list[str]:
    """The right answers: one text, or a list of which any will do. Raises NoColumn."""
    value = column(row, name)
    values = list(value) if isinstance(value, list | tuple) else [value]
    try:
        return [one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in values]
    except TypeError:
        raise ValueError(f"`{name}` is neither text nor a number nor a list of them: {str(value)[:60]!r}") from None


def after_thinking(text: str) -> str:
    """The text behind the last `</think>`; nothing where thinking was begun and never ended."""
    before, close, after = text.rpartition(CLOSE)
    if close:
        return after
    return "" if OPEN in text else text


def plain(text: str, *, case: bool, punctuation: bool) -> str:
    """A text without what does not matter: width and composition of letters, white space; perhaps case, punctuation."""
    text = unicodedata.normalize("NFKC", text)
    text = text if case else text.casefold()
    if not punctuation:
        text = "".join(" " if unicodedata.category(letter)[0] == "P" else letter for letter in text)
    return re.sub(r"\s+", " ", text).strip()
