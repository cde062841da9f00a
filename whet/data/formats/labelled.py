"""Single replies marked good or bad, as KTO learns from."""

from typing import Any

from whet.base.catalogue import data_format
from whet.base.errors import DataError
from whet.contracts.rows import Labelled
from whet.data.messages import holds_messages, read_messages, read_tools, with_system

_MARKS = ("label", "kto_tag")
_WORDS = {"true": True, "1": True, "good": True, "false": False, "0": False, "bad": False}


def _matches(row: dict[str, Any]) -> bool:
    return any(row.get(mark) is not None for mark in _MARKS) and (
        holds_messages(row.get("messages"))
        or holds_messages(row.get("conversations"))
        or ("prompt" in row and "completion" in row)
    )


@data_format("labelled", matches=_matches, priority=85, columns=("prompt", "completion", "label"))
def labelled(row: dict[str, Any]) -> Labelled:
    """`messages` (or `conversations`, or `prompt` and `completion`) with a true or false `label`."""
    messages = row.get("messages") or row.get("conversations")
    if messages is None:
        messages = [*_said("user", row["prompt"]), *_said("assistant", row["completion"])]
    mark = next(row[mark] for mark in _MARKS if row.get(mark) is not None)
    label = _WORDS.get(str(mark).lower())
    if label is None:
        raise DataError(f"the label is {mark!r}", hint="a label is true or false")
    return Labelled(with_system(read_messages(messages), row.get("system")), label, read_tools(row.get("tools")))


def _said(role: str, said: Any) -> list[dict[str, Any]]:
    if isinstance(said, str):
        return [{"role": role, "content": said}]
    if not holds_messages(said):
        raise DataError(f"what the {role} says is a {type(said).__name__}, neither a text nor messages")
    return list(said)
