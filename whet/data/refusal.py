"""Saying no: a row that cannot be trained on, and kinds of rows that an objective does not take."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial

from whet.base.catalogue import model_source
from whet.base.catalogue import objective as objectives
from whet.base.errors import DataError, WhetError

_MOST_DETAIL = 400  # characters of a row that a refusal repeats
_WORDS = {  # what rows of each kind are
    "text": "raw text",
    "completion": "prompts with completions",
    "conversation": "conversations",
    "preference": "preference pairs (a chosen and a rejected reply)",
    "labelled": "replies marked good or bad",
    "prompt": "prompts without replies",
    "multimodal": "conversations with images, audio or video",
    "retrieval": "queries with documents",
    "judged": "queries with judged documents",
    "similarity": "sentence pairs with a score",
    "classified": "texts with labels",
    "tagged": "words with labels",
    "stepwise": "solutions with a label a step",
    "values": "named numbers",
    "sample": "ready samples",
}


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that cannot be trained on: `reason` is one word for the ledger, `detail` says what is wrong with it."""

    reason: str
    detail: str
    hint: str | None = None


class RowRefused(Exception):
    """Carries a `Refused` out of the steps that render one row."""

    def __init__(self, reason: str, detail: str, hint: str | None = None) -> None:
        super().__init__(detail)
        self.refused = Refused(reason, detail, hint)


def refused(error: Exception, reason: str = "bad_row") -> Refused:
    """What a row's exception says of the row, whatever its class. With WHET_DEBUG its traceback goes to stderr."""
    if isinstance(error, RowRefused):
        return error.refused
    if isinstance(error, WhetError):
        return Refused(reason, shown(error.message), error.hint)
    if os.environ.get("WHET_DEBUG", "0") not in ("", "0"):
        print("".join(traceback.format_exception(error)), file=sys.stderr)
    said = "it is nested too deeply" if isinstance(error, RecursionError) else f"{type(error).__name__}: {error}"
    return Refused(reason, f"the row cannot be read: {shown(said)}", "WHET_DEBUG=1 prints where it fails")


def shown(text: str) -> str:
    """A text of a row as messages may repeat it: not endless, and without what no terminal can print."""
    short = text if len(text) <= _MOST_DETAIL else f"{text[:_MOST_DETAIL]}..."
    return short.encode("utf-8", "backslashreplace").decode()


class KindError(DataError):
    """Rows of `kind`, handed to what takes other kinds: what they are, what they are for, and what is wanted."""

    def __init__(self, kind: str, takes: Collection[str], *, at: str | None = None, objective: str | None = None):
        *first, last = [_said(k) for k in sorted(takes)]
        taken = f"{', '.join(first)} or {last}" if first else last
        purposes = meant_for(kind)
        *others, end = [f"`{name}`" for name in purposes] or [""]
        meant = f"{', '.join(others)} or {end}" if others else end
        rows = f"the rows are {_said(kind)}" + (f", for {meant}" if meant else "")
        wanted = (
            f"`objective: {objective}` learns from {taken}, and" if objective else f"what is wanted is {taken}, and"
        )
        hint = f"objective={purposes[0]}{_beside(kind)}, or other data" if purposes else f"rows of {taken}"
        if kind == "prompt":
            hint += "; where a column holds the reply, columns: {completion: COLUMN}"
        super().__init__(f"{wanted} {rows}", at=at, hint=hint)
        self.kind, self.takes = kind, frozenset(takes)

    def handed_to(self, objective: str) -> KindError:
        """The same, with the name of the objective that was to learn from them."""
        return KindError(self.kind, self.takes, at=self.at, objective=objective)

    def __reduce__(self):  # workers raise it, too
        return partial(KindError, self.kind, self.takes, at=self.at), ()


def meant_for(kind: str) -> list[str]:
    """The objectives that rows of this kind are for, third parties' among them, those to begin with first.

    Of others' rows an objective that learns from the model's own answers reads the prompt alone: it is for its chief
    kind. What takes a kind as its first comes before what takes it as well.
    """
    found = {name: objectives.get(name).facts for name in objectives.names()}
    fitting = {n: one for n, one in found.items() if kind in (one.takes[:1] if one.rollouts else one.takes)}
    return sorted(fitting, key=lambda n: (not fitting[n].usual, fitting[n].takes.index(kind), n))


def _said(kind: str) -> str:
    return _WORDS.get(kind, f"`{kind}` rows")


def _beside(kind: str) -> str:
    """What else is to be typed where rows hold no words: a model that reads none."""
    if kind != "values":
        return ""
    names = [name for name in model_source.names() if not model_source.get(name).facts.tokens]
    return f" model.kind={names[0]}" if names else ""


def refusal(kind: str, takes: Collection[str], *, at: str | None = None) -> KindError:
    """The error for rows of `kind` handed to an objective that takes other kinds: what they are and are for."""
    return KindError(kind, takes, at=at)
