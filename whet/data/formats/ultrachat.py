"""UltraChat's rows, and LIMA's: a list of texts, of the user and the assistant in turn."""

from itertools import cycle
from typing import Any

from whet.base.catalogue import data_format
from whet.base.errors import DataError
from whet.contracts.rows import Conversation
from whet.data.rows.columns import SYSTEMS, text_in
from whet.data.rows.messages import read_messages, with_system

_LISTS = ("data", "conversations", "conversation", "messages", "dialog", "dialogue")

_ANY = frozenset(_LISTS)


def _matches(row: dict[str, Any]) -> bool:
    return not _ANY.isdisjoint(row) and any(_is_texts(row.get(name)) for name in _LISTS)


@data_format("ultrachat", matches=_matches, priority=68, columns=("data",))
def ultrachat(row: dict[str, Any]) -> Conversation:
    """`data` (or `conversations`, `dialog`), a list of texts: the user's, the assistant's, and so on in turn."""
    texts = next(row[name] for name in _LISTS if _is_texts(row.get(name)))
    if len(texts) < 2:
        raise DataError("the list has one text, and nothing answers it", hint="leave the row out")
    roles = cycle(("user", "assistant"))
    messages = [{"role": role, "content": text} for role, text in zip(roles, texts, strict=False)]
    return Conversation(with_system(read_messages(messages), text_in(row, SYSTEMS)))


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(text, str) for text in value)
