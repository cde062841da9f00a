"""Prompts without replies, for objectives whose completions the model makes itself."""

from typing import Any

from whet.base.catalogue import data_format
from whet.contracts.rows import Prompt
from whet.data.rows.columns import SYSTEMS, text_in
from whet.data.rows.messages import holds_messages, read_messages, read_tools, with_system

# A row with one of these is more than a prompt.
_REPLIES = frozenset("completion chosen rejected preferred_output output response label kto_tag messages".split())


def _matches(row: dict[str, Any]) -> bool:
    if any(row.get(column) is not None for column in _REPLIES):
        return False
    return isinstance(row.get("prompt"), str) or holds_messages(row.get("prompt"))


@data_format("prompt", matches=_matches, priority=30, columns=("prompt",))
def prompt(row: dict[str, Any]) -> Prompt:
    """`prompt` (a text or messages) without a reply; further columns, such as `answer`, are for the rewards."""
    asked = row["prompt"]
    messages = read_messages([{"role": "user", "content": asked}] if isinstance(asked, str) else asked)
    return Prompt(with_system(messages, text_in(row, SYSTEMS)), read_tools(row.get("tools")), row)
