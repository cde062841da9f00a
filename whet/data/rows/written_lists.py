"""Lists of messages that a table holds as text, as CSV files must: JSON, or as Python prints a list."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from typing import Any

from whet.base.errors import DataError
from whet.data.rows.messages import holds_messages

_COLUMNS = (
    "messages", "conversations", "conversation", "prompt", "completion", "chosen", "rejected", "chosen_messages",
    "rejected_messages", "contents",
)  # fmt: skip
_BEGIN = re.compile(r"""\s*\[\s*\{\s*['"](?:role|from|content|value)['"]\s*:""")
_MOST = 1 << 20  # characters of a list in Python's own form


def with_lists(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row with the messages that stand in it as text; the row itself where there are none.

    Raises DataError for a text that begins as a list of messages and is none: it would be trained as a reply.
    """
    if not any(type(value) is str and value[:1] in "[ \n" and value for value in row.values()):
        return row
    texts = {name: row[name] for name in _COLUMNS if isinstance(row.get(name), str) and _BEGIN.match(row[name])}
    return {**row, **{name: _read(text, name) for name, text in texts.items()}} if texts else row


def _read(text: str, name: str) -> Any:
    for read in (json.loads, _of_python):
        try:
            found = read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if holds_messages(found):
            return found
    raise DataError(
        f"`{name}` is a text that begins as a list of messages, and cannot be read as one: {text[:60]!r}",
        hint=f"write `{name}` as JSON: json.dumps(messages)",
    )


def _of_python(text: str) -> Any:
    if len(text) > _MOST:
        raise ValueError("too long")
    return ast.literal_eval(text.strip())
