"""A question and a `response`, under the names in use: ChatGLM's, ms-swift's with its pairs, OpenOrca's."""

from typing import Any

from whet.base.catalogue import data_format
from whet.contracts.rows import Conversation, Labelled, Preference
from whet.data.formats.labelled import label_of
from whet.data.rows.columns import CONTEXTS, SYSTEMS, below, one_text, text_in
from whet.data.rows.exchanges import exchanges, history
from whet.data.rows.messages import read_tools

_QUESTIONS = ("query", "prompt", "question", "input")


def _matches(row: dict[str, Any]) -> bool:
    return isinstance(row.get("response"), str) and any(isinstance(row.get(name), str) for name in _QUESTIONS)


@data_format("response", matches=_matches, priority=55, columns=("query", "response"))
def response(row: dict[str, Any]) -> Conversation | Preference | Labelled:
    """`query` (or `prompt`, `question`) and `response`, with `history`, `system`, and perhaps `rejected_response`."""
    name = next(name for name in _QUESTIONS if isinstance(row.get(name), str))
    asked = below(row[name], text_in(row, CONTEXTS))
    said = [*history(row.get("history")), (asked, one_text(row["response"], "response"))]
    messages = exchanges(said, text_in(row, SYSTEMS))
    tools = read_tools(row.get("tools"))
    if row.get("rejected_response") is not None:
        worse = one_text(row["rejected_response"], "rejected_response")
        return Preference(messages[:-1], messages[-1:], [{"role": "assistant", "content": worse}], tools)
    if isinstance(row.get("label"), bool):
        return Labelled(messages, label_of(row["label"]), tools)
    return Conversation(messages, tools)
