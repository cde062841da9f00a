"""A `prompt` and its `completion`: plain texts, or lists of messages."""

from typing import Any

from whet.base.catalogue import data_format
from whet.base.errors import DataError
from whet.contracts.rows import Completion, Conversation
from whet.data.messages import holds_messages, read_messages, read_tools


def _matches(row: dict[str, Any]) -> bool:
    prompt, reply = row.get("prompt"), row.get("completion")
    return (isinstance(prompt, str) and isinstance(reply, str)) or (holds_messages(prompt) and holds_messages(reply))


@data_format("completion", matches=_matches, priority=50, columns=("prompt", "completion"))
def completion(row: dict[str, Any]) -> Completion | Conversation:
    """`prompt` and `completion` joined as they are, or as one conversation of which only the completion is trained."""
    if isinstance(row["prompt"], str):
        if not row["completion"].strip():
            raise DataError("the completion is empty")
        return Completion(row["prompt"], row["completion"])
    messages = read_messages([*_context(row["prompt"]), *row["completion"]])
    return Conversation(messages, read_tools(row.get("tools")))


def _context(messages: Any) -> list[dict[str, Any]]:
    return [{**message, "weight": 0} for message in messages]
