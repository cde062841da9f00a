"""Single replies marked good or bad, as KTO learns from."""

from typing import Any

from whet.base.catalogue import data_format
from whet.base.errors import DataError
from whet.contracts.rows import Labelled
from whet.data.rows.columns import SYSTEMS, text_in, what
from whet.data.rows.joins import joined
from whet.data.rows.messages import holds_messages, read_messages, read_tools, with_system

_MARKS = ("label", "kto_tag")
_WORDS = {
    "true": True, "1": True, "1.0": True, "good": True, "yes": True, "desirable": True, "chosen": True,
    "false": False, "0": False, "0.0": False, "bad": False, "no": False, "undesirable": False, "rejected": False,
}  # fmt: skip


def _matches(row: dict[str, Any]) -> bool:
    return (row.get("label") is not None or row.get("kto_tag") is not None) and (
        holds_messages(row.get("messages"))
        or holds_messages(row.get("conversations"))
        or ("prompt" in row and "completion" in row)
    )


@data_format("labelled", matches=_matches, priority=85, columns=("prompt", "completion", "label"))
def labelled(row: dict[str, Any]) -> Labelled:
    """`messages` (or `conversations`, or `prompt` and `completion`) with a true or false `label`."""
    given = row.get("messages") or row.get("conversations")
    if given is not None:
        messages = read_messages(given)
    else:
        prompt = read_messages(_said("user", row["prompt"], "prompt"))
        reply = read_messages(_said("assistant", row["completion"], "completion"), after=prompt)
        asked, said = joined(prompt, reply, "completion")
        messages = [*asked, *said]
    mark = next(row[mark] for mark in _MARKS if row.get(mark) is not None)
    system = text_in(row, SYSTEMS)
    return Labelled(with_system(messages, system), label_of(mark), read_tools(row.get("tools")))


def label_of(mark: Any) -> bool:
    """Whether a reply is marked good. Raises DataError for a mark that says neither."""
    label = _WORDS.get(str(mark).lower()) if isinstance(mark, str | int | float) else None
    if label is None:
        raise DataError(f"the label is {what(mark)}", hint="a label is true or false")
    return label


def _said(role: str, said: Any, name: str) -> list[dict[str, Any]]:
    if isinstance(said, str):
        return [{"role": role, "content": said}]
    if not holds_messages(said):
        raise DataError(f"`{name}` is {what(said)}, neither a text nor messages", hint=f'"{name}": "a text"')
    return list(said)
