"""Conversations with images, audio or video beside the text."""

from collections.abc import Mapping, Sequence
from typing import Any

from whet.base.catalogue import data_format
from whet.base.errors import DataError
from whet.contracts.rows import Multimodal

_COLUMNS = {"images": "images", "image": "images", "audios": "audios", "audio": "audios"} | {
    "videos": "videos",
    "video": "videos",
}
_PARTS = {"image": "images", "image_url": "images", "audio": "audios", "input_audio": "audios", "video": "videos"}


_ANY = frozenset((*_COLUMNS, "messages", "conversations"))


def _matches(row: dict[str, Any]) -> bool:
    if _ANY.isdisjoint(row):  # most rows of other formats: detection asks every row
        return False
    return any(row.get(column) for column in _COLUMNS) or any(_media_parts(message) for message in _messages(row))


@data_format("multimodal", matches=_matches, priority=95, columns=("messages", "images"))
def multimodal(row: dict[str, Any]) -> Multimodal:
    """`messages` with `images`, `audios` or `videos` columns, or with media parts inside the messages."""
    messages = _messages(row)
    if not messages:
        raise DataError("the row has media but no messages", hint="give it a `messages` column")
    media: dict[str, list[Any]] = {}
    for column, kind in _COLUMNS.items():
        value = row.get(column)
        if value:
            media.setdefault(kind, []).extend([value] if isinstance(value, (str, Mapping)) else value)
    for message in messages:
        for part in _media_parts(message):
            media.setdefault(_PARTS[part["type"]], []).append(_address(part))
    return Multimodal(messages, media)


def _messages(row: dict[str, Any]) -> Sequence[Mapping[str, Any]]:
    messages = row.get("messages") or row.get("conversations") or ()
    return messages if isinstance(messages, Sequence) and not isinstance(messages, str) else ()


def _media_parts(message: Any) -> list[Mapping[str, Any]]:
    content = message.get("content") if isinstance(message, Mapping) else None
    if not isinstance(content, Sequence) or isinstance(content, str):
        return []
    return [part for part in content if isinstance(part, Mapping) and str(part.get("type")) in _PARTS]


def _address(part: Mapping[str, Any]) -> str:
    names = (part["type"], "url", "path", "value", "source", "file_id", "data")
    value = next((part[name] for name in names if part.get(name)), None)
    return str(value.get("url", value)) if isinstance(value, Mapping) else str(value)
