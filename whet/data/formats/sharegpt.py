"""ShareGPT's `conversations` of `from` and `value`, with function calls, observations and tools."""

from typing import Any

from whet.base.catalogue import data_format
from whet.contracts.rows import Conversation
from whet.data.messages import holds_messages, read_messages, read_tools, with_system


def _matches(row: dict[str, Any]) -> bool:
    return holds_messages(row.get("conversations"))


@data_format("sharegpt", matches=_matches, priority=70, columns=("conversations",))
def sharegpt(row: dict[str, Any]) -> Conversation:
    """`conversations` between human and gpt; `function_call` and `observation` turns, `system` and `tools` columns."""
    messages = with_system(read_messages(row["conversations"]), row.get("system"))
    return Conversation(messages, read_tools(row.get("tools")))
