"""OpenAI's chat form: `messages`, with tools, tool calls and a weight on each message."""

from typing import Any

from whet.base.catalogue import data_format
from whet.contracts.rows import Conversation
from whet.data.rows.columns import SYSTEMS, text_in
from whet.data.rows.messages import holds_messages, read_messages, read_tools, with_system


def _matches(row: dict[str, Any]) -> bool:
    return holds_messages(row.get("messages"))


@data_format("openai", matches=_matches, priority=70, columns=("messages",), offered=1)
def openai(row: dict[str, Any]) -> Conversation:
    """`messages` of `role` and `content` (text, or parts); `weight: 0` keeps a reply out of training."""
    messages = with_system(read_messages(row["messages"]), text_in(row, SYSTEMS))
    return Conversation(messages, read_tools(row.get("tools") or row.get("functions")))
