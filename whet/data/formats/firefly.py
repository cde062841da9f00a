"""Firefly's rows: `kind`, `input` and `target`; or a `conversation` of `human` and `assistant`."""

from collections.abc import Mapping
from typing import Any

from whet.base.catalogue import data_format
from whet.contracts.rows import Conversation
from whet.data.rows.columns import SYSTEMS, one_text, text_in
from whet.data.rows.exchanges import exchanges


def _matches(row: dict[str, Any]) -> bool:
    if isinstance(row.get("input"), str) and isinstance(row.get("target"), str):
        return True
    turns = row.get("conversation")
    return isinstance(turns, list) and bool(turns) and all(_is_turn(turn) for turn in turns)


@data_format("firefly", matches=_matches, priority=57, columns=("input", "target"))
def firefly(row: dict[str, Any]) -> Conversation:
    """`input`, answered by `target`; or a `conversation`, a list of `human` with `assistant`."""
    if isinstance(row.get("input"), str) and isinstance(row.get("target"), str):
        said = [(one_text(row["input"], "input"), one_text(row["target"], "target"))]
    else:
        said = [(turn["human"], turn["assistant"]) for turn in row["conversation"]]
    return Conversation(exchanges(said, text_in(row, SYSTEMS)))


def _is_turn(turn: Any) -> bool:
    return isinstance(turn, Mapping) and "human" in turn and "assistant" in turn
