"""A `prompt` and its `completion`: plain texts, or lists of messages."""

from typing import Any

from whet.base.catalogue import data_format
from whet.base.errors import DataError
from whet.contracts.rows import Completion, Conversation
from whet.data.rows.columns import SYSTEMS, text_in
from whet.data.rows.joins import joined
from whet.data.rows.messages import holds_messages, read_messages, read_tools, with_system


def _matches(row: dict[str, Any]) -> bool:
    return all(isinstance(row.get(name), str) or holds_messages(row.get(name)) for name in ("prompt", "completion"))


@data_format("completion", matches=_matches, priority=50, columns=("prompt", "completion"), offered=3)
def completion(row: dict[str, Any]) -> Completion | Conversation:
    """`prompt` and `completion` joined as they are, or as one conversation of which only the completion is trained."""
    prompt, reply = row["prompt"], row["completion"]
    if isinstance(prompt, str) and isinstance(reply, str):
        if not reply.strip():
            raise DataError("the completion is empty", hint="leave the row out")
        return Completion(prompt, reply)
    before = read_messages([{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt)
    after = [{"role": "assistant", "content": reply}] if isinstance(reply, str) else reply
    asked, said = joined(before, read_messages(after, after=before), "completion")
    context = [{**message, "weight": 0} for message in with_system(asked, text_in(row, SYSTEMS))]
    return Conversation([*context, *said], read_tools(row.get("tools")))
