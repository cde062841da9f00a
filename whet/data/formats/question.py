"""Questions with their answers in two columns, as GSM8K comes."""

from typing import Any

from whet.base.catalogue import data_format
from whet.contracts.rows import Conversation
from whet.data.rows.columns import CONTEXTS, SYSTEMS, below, one_text, text_in
from whet.data.rows.exchanges import exchanges, history


def _matches(row: dict[str, Any]) -> bool:
    return isinstance(row.get("question"), str) and isinstance(row.get("answer"), str)


@data_format("question", matches=_matches, priority=40, columns=("question", "answer"))
def question(row: dict[str, Any]) -> Conversation:
    """A `question` with an optional `context` below it, answered by `answer`."""
    asked = below(row["question"], text_in(row, CONTEXTS))
    said = [*history(row.get("history")), (asked, one_text(row["answer"], "answer"))]
    return Conversation(exchanges(said, text_in(row, SYSTEMS)))
