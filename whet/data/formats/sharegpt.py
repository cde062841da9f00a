"""ShareGPT's `conversations` of `from` and `value`, with function calls, observations and tools."""

from typing import Any

from whet.base.catalogue import data_format
from whet.contracts.rows import Conversation
from whet.data.rows.columns import SYSTEMS, text_in
from whet.data.rows.messages import holds_messages, read_messages, read_tools, with_system

_NAMES = ("conversations", "conversation", "contents")

_ANY = frozenset(_NAMES)


def _matches(row: dict[str, Any]) -> bool:
    return not _ANY.isdisjoint(row) and any(holds_messages(row.get(name)) for name in _NAMES)


@data_format("sharegpt", matches=_matches, priority=70, columns=("conversations",))
def sharegpt(row: dict[str, Any]) -> Conversation:
    """`conversations` between human and gpt; `function_call` and `observation` turns, `system` and `tools` columns."""
    given = next(row[name] for name in _NAMES if holds_messages(row.get(name)))
    messages = with_system(read_messages(given), text_in(row, SYSTEMS))
    return Conversation(messages, read_tools(row.get("tools")))
