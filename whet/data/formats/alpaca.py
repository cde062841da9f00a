"""Alpaca's columns: `instruction`, `input`, `output`, and LLaMA-Factory's `system` and `history`."""

from typing import Any

from whet.base.catalogue import data_format
from whet.base.errors import DataError
from whet.contracts.rows import Conversation
from whet.data.messages import read_messages, with_system


def _matches(row: dict[str, Any]) -> bool:
    return isinstance(row.get("instruction"), str) and isinstance(row.get("output"), str)


@data_format("alpaca", matches=_matches, priority=60, columns=("instruction", "output"))
def alpaca(row: dict[str, Any]) -> Conversation:
    """An `instruction` with an optional `input` below it, answered by `output`; earlier turns in `history`."""
    messages = []
    for pair in row.get("history") or ():
        if len(pair) != 2:
            raise DataError(f"an entry of `history` has {len(pair)} texts, not a question and its answer")
        messages += [{"role": "user", "content": pair[0]}, {"role": "assistant", "content": pair[1]}]
    messages += [{"role": "user", "content": alpaca_prompt(row)}, {"role": "assistant", "content": row["output"]}]
    return Conversation(with_system(read_messages(messages), row.get("system")))


def alpaca_prompt(row: dict[str, Any]) -> str:
    """The instruction and, where there is one, the input on the next line."""
    return "\n".join(part for part in (row["instruction"], row.get("input")) if part)
