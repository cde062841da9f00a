"""Dolly's columns: `instruction`, the `context` it is about, and `response`."""

from typing import Any

from whet.base.catalogue import data_format
from whet.contracts.rows import Conversation
from whet.data.rows.columns import CONTEXTS, SYSTEMS, below, one_text, text_in
from whet.data.rows.exchanges import exchanges, history


def _matches(row: dict[str, Any]) -> bool:
    return isinstance(row.get("instruction"), str) and isinstance(row.get("response"), str)


@data_format("dolly", matches=_matches, priority=58, columns=("instruction", "context", "response"))
def dolly(row: dict[str, Any]) -> Conversation:
    """An `instruction` with an optional `context` (or `input`) below it, answered by `response`."""
    asked = below(row["instruction"], text_in(row, (*CONTEXTS, "input")))
    said = [*history(row.get("history")), (asked, one_text(row["response"], "response"))]
    return Conversation(exchanges(said, text_in(row, SYSTEMS)))
