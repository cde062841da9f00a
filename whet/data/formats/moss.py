"""MOSS's rows: a `chat` of turns, each with what `Human` and `MOSS` say, after a `meta_instruction`."""

import re
from collections.abc import Mapping
from typing import Any

from whet.base.catalogue import data_format
from whet.base.errors import DataError
from whet.contracts.rows import Conversation
from whet.data.rows.columns import text_in, text_of
from whet.data.rows.exchanges import exchanges

_MARKS = re.compile(r"\A\s*<\|[^|]*\|>:?\s?|<eo[a-z]>\s*\Z")
_TOOLS = ("Inner Thoughts", "Commands", "Tool Responses", "Results")


def _matches(row: dict[str, Any]) -> bool:
    chat = row.get("chat")
    return isinstance(chat, Mapping) and "turn_1" in chat


@data_format("moss", matches=_matches, priority=65, columns=("chat",))
def moss(row: dict[str, Any]) -> Conversation:
    """`chat`, an object of `turn_1`, `turn_2` ..., each with `Human` and `MOSS`; `meta_instruction` is the system's."""
    turns = sorted(row["chat"].items(), key=lambda item: int(item[0].removeprefix("turn_")))
    return Conversation(exchanges([_turn(turn) for _, turn in turns], text_in(row, ("meta_instruction",)).strip()))


def _turn(turn: Any) -> tuple[str, str]:
    if not isinstance(turn, Mapping):
        raise DataError(
            "a turn of `chat` is not an object", hint='"turn_1": {"Human": "Hello", "MOSS": "Good morning."}'
        )
    for name in _TOOLS:
        if _said(turn, name) not in ("", "None"):
            raise DataError(f"a turn has `{name}`, which is not read", hint="rows of MOSS without plugins")
    return _said(turn, "Human"), _said(turn, "MOSS")


def _said(turn: Mapping[str, Any], name: str) -> str:
    """What a speaker says, without the marks that MOSS puts around it."""
    return _MARKS.sub("", text_of(turn.get(name), name)).strip()
