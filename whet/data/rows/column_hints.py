"""Renaming: what to type for a row whose columns no format knows, without ever taking a context for a reply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from whet.base.slots import Kind
from whet.data.refusal import shown

_ASKED = ("prompt", "question", "instruction", "query", "input", "problem", "human", "user", "q", "ask")
_ANSWERED = (
    "completion", "response", "answer", "output", "reply", "target", "solution", "assistant", "bot", "gpt", "a",
)  # fmt: skip
# What stands beside a question and its answer, and is neither.
_BESIDE = (
    "context", "passage", "background", "document", "documents", "source", "category", "kind", "type", "id", "url",
    "title", "lang", "language", "topic", "domain", "split", "date", "author", "model", "system", "history", "name",
)  # fmt: skip
_IDS = ("input_ids", "labels", "attention_mask", "token_type_ids")
_MOST_COLUMNS = 12
# Columns of formats that read a text in each of two.
OF_TEXTS = (("prompt", "completion"), ("instruction", "output"), ("question", "answer"))


def columns_of(row: Mapping[str, Any]) -> str:
    """The row's columns in words."""
    names = [f"`{shown(str(name)[:40])}`" for name in list(row)[:_MOST_COLUMNS]]
    more = f" and {len(row) - len(names)} more" if len(row) > len(names) else ""
    return f"the columns {', '.join(names)}{more}" if row else "no columns"


def way_out(kind: Kind | None, row: Mapping[str, Any]) -> str:
    """What to write so that the row is read, as the format `kind` or as the one whose columns it may have."""
    if "input_ids" in row:
        return f"texts instead of token ids ({', '.join(name for name in _IDS if name in row)})"
    wanted = kind.facts.columns if kind is not None else ("prompt", "completion")
    if tuple(wanted) not in OF_TEXTS:
        return _listed(wanted, row)
    asked, answered = _guess(row, wanted)
    pairs = {wanted[0]: asked, wanted[1]: answered}
    missing = [f"{name}: {_quoted(existing)}" for name, existing in pairs.items() if name != existing]
    return (
        shown(f"columns: {{{', '.join(missing)}}}") if missing else f"format: {kind.name}" if kind else "another format"
    )


def _quoted(name: str) -> str:
    """A column as YAML has it: one with blanks at its ends stands in quotes."""
    return name if name == name.strip() else f'"{name}"'


def _guess(row: Mapping[str, Any], wanted: Sequence[str]) -> tuple[str, str]:
    """The columns of the question and of its answer, by their names, else by their order where there are just two."""
    texts = [name for name in row if isinstance(row[name], str) and name]
    asked = next((name for name in (wanted[0], *_ASKED) if name in texts), None)
    answered = next((name for name in (wanted[1], *_ANSWERED) if name in texts and name != asked), None)
    spare = [name for name in texts if name.lower() not in _BESIDE and name not in (asked, answered)]
    if asked is None and answered is None and len(spare) == 2:
        return spare[0], spare[1]
    if len(spare) == 1:
        answered = answered or (None if asked and spare[0] in _ASKED else spare[0])  # an `input` answers nothing
        asked = asked or spare[0]
    places = ("COLUMN_OF_THE_QUESTION", "COLUMN_OF_THE_ANSWER")
    return asked or places[0], (answered if answered != asked else None) or places[1]


def _listed(wanted: Sequence[str], row: Mapping[str, Any]) -> str:
    pairs = ", ".join(f"{name}: COLUMN" for name in wanted if name not in row)
    return f"columns: {{{pairs}}}" if pairs else "values of the types that the format reads"
