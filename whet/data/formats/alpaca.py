"""Alpaca's columns: `instruction`, `input`, `output`, and LLaMA-Factory's `system` and `history`."""

from typing import Any

from whet.base.catalogue import data_format
from whet.contracts.rows import Conversation
from whet.data.rows.columns import CONTEXTS, SYSTEMS, below, text_in, text_of
from whet.data.rows.exchanges import exchanges, history


def _matches(row: dict[str, Any]) -> bool:
    return isinstance(row.get("instruction"), str) and isinstance(row.get("output"), str)


@data_format("alpaca", matches=_matches, priority=60, columns=("instruction", "output"))
def alpaca(row: dict[str, Any]) -> Conversation:
    """An `instruction` with an optional `input` below it, answered by `output`; earlier turns in `history`."""
    said = [*history(row.get("history")), (alpaca_prompt(row), row["output"])]
    return Conversation(exchanges(said, text_in(row, SYSTEMS)))


def alpaca_prompt(row: dict[str, Any]) -> str:
    """The instruction and, where there is one, the input (or a `context`) on the next line."""
    return below(row["instruction"], text_of(row.get("input"), "input") or text_in(row, CONTEXTS))
