"""XTuner's rows, and Capybara's: a `conversation` of `input` and `output`; or one such turn a row."""

from collections.abc import Mapping
from typing import Any

from whet.base.catalogue import data_format
from whet.base.errors import DataError
from whet.contracts.rows import Conversation
from whet.data.rows.columns import SYSTEMS, text_in, text_of
from whet.data.rows.message_weights import weight_of
from whet.data.rows.messages import read_messages, with_system

_OWN = ("input", "output", "output_with_loss")


def _matches(row: dict[str, Any]) -> bool:
    turns = row.get("conversation")
    if isinstance(turns, list) and turns:
        return all(isinstance(turn, Mapping) and "output" in turn for turn in turns)
    return isinstance(row.get("input"), str) and isinstance(row.get("output"), str)


@data_format("xtuner", matches=_matches, priority=56, columns=("input", "output"))
def xtuner(row: dict[str, Any]) -> Conversation:
    """`conversation`, a list of `input` with `output` (the first with `system`); or `input` and `output` alone."""
    turns = row.get("conversation") or [{name: row.get(name) for name in (*_OWN, *SYSTEMS)}]
    messages = []
    for number, turn in enumerate(turns):
        asked = text_of(turn.get("input"), "input")
        if asked.strip():
            messages.append({"role": "user", "content": asked})
        elif number == 0:
            raise DataError("the first `input` is empty", hint="format: text trains a text without a question")
        messages.append({"role": "assistant", "content": turn["output"], **_weight(turn, number)})
    system = text_in(turns[0], SYSTEMS) or text_in(row, SYSTEMS)
    for turn in turns[1:]:
        if text_in(turn, SYSTEMS) not in ("", system):
            raise DataError("a later turn has a system message of its own", hint="one `system`, in the first turn")
    return Conversation(with_system(read_messages(messages), system))


def _weight(turn: Mapping[str, Any], number: int) -> dict[str, Any]:
    """XTuner's own `output_with_loss`, or any other name of a weight."""
    given = {"loss": turn.get("output_with_loss"), **turn}
    given.pop("output_with_loss", None)
    weight = weight_of(given, number)
    return {} if weight is None else {"weight": weight}
