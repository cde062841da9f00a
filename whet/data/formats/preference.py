"""Preference pairs: one prompt, a chosen and a rejected reply, in the spellings in use."""

from collections.abc import Mapping
from typing import Any

from whet.base.catalogue import data_format
from whet.base.errors import DataError
from whet.contracts.rows import Preference
from whet.data.formats.alpaca import alpaca_prompt
from whet.data.messages import holds_messages, read_messages, read_tools, with_system
from whet.data.transcript import is_transcript, read_transcript

_PAIRS = (("chosen", "rejected"), ("preferred_output", "non_preferred_output"))


def _matches(row: dict[str, Any]) -> bool:
    return any(better in row and worse in row and (row[better] or row[worse]) for better, worse in _PAIRS)


@data_format("preference", matches=_matches, priority=90, columns=("prompt", "chosen", "rejected"))
def preference(row: dict[str, Any]) -> Preference:
    """`chosen` and `rejected` (texts or messages) after `prompt`, `conversations`, `instruction`; or OpenAI's pairs."""
    _refuse_empty(row)
    if row.get("preferred_output"):
        asked = row.get("input") or {}
        prompt, tools = read_messages(asked.get("messages", ())), asked.get("tools") or row.get("tools")
        chosen, rejected = _reply(row["preferred_output"]), _reply(row["non_preferred_output"])
    else:
        prompt, tools = _prompt(row), row.get("tools")
        chosen, rejected = _sides(row, has_prompt=bool(prompt))
    if not prompt:
        prompt, chosen, rejected = _split(chosen, rejected)
    elif len(chosen) > len(prompt) and len(rejected) > len(prompt) and chosen[: len(prompt)] == prompt:
        # Whole conversations beside their prompt, as TRL's implicit prompts come.
        chosen, rejected = chosen[len(prompt) :], rejected[len(prompt) :]
    if chosen == rejected:
        raise DataError("the chosen and the rejected reply are the same")
    return Preference(with_system(prompt, row.get("system")), chosen, rejected, read_tools(tools), _margin(row))


def _refuse_empty(row: dict[str, Any]) -> None:
    """A pair with one side: a row of this format all the same."""
    columns = next((pair for pair in _PAIRS if any(row.get(name) for name in pair)), ())
    for name in columns:
        if not row.get(name):
            raise DataError(f"`{name}` is empty", hint="a pair has two replies; with one, `label` it for `kto`")


def _sides(row: dict[str, Any], *, has_prompt: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Both replies; whole transcripts (Anthropic's HH) where the texts are those of two speakers."""
    sides = row["chosen"], row["rejected"]
    if not has_prompt and all(isinstance(side, str) and is_transcript(side) for side in sides):
        return read_transcript(sides[0]), read_transcript(sides[1])
    return _reply(sides[0]), _reply(sides[1])


def _margin(row: dict[str, Any]) -> float | None:
    """By how much the chosen reply is better: `margin`, or the difference of the replies' scores."""
    given = row.get("margin")
    if given is None and "score_chosen" in row and "score_rejected" in row:
        given = float(row["score_chosen"]) - float(row["score_rejected"])
    if given is None:
        return None
    try:
        return float(given)
    except (TypeError, ValueError):
        raise DataError(f"the margin is {given!r}, not a number") from None


def _prompt(row: dict[str, Any]) -> list[dict[str, Any]]:
    asked = row.get("prompt") or row.get("conversations") or row.get("messages") or row.get("question")
    if not asked and isinstance(row.get("instruction"), str):
        asked = alpaca_prompt(row)
    if not asked:
        return []
    return read_messages([{"role": "user", "content": asked}] if isinstance(asked, str) else asked)


def _reply(reply: Any) -> list[dict[str, Any]]:
    if isinstance(reply, str):
        reply = {"role": "assistant", "content": reply}
    if isinstance(reply, Mapping):
        reply = [reply]
    if not holds_messages(reply):
        raise DataError(f"a reply is a {type(reply).__name__}, neither a text nor messages")
    return read_messages(reply)


def _split(chosen: list[dict[str, Any]], rejected: list[dict[str, Any]]) -> tuple[list, list, list]:
    """Two whole conversations share their beginning: that is the prompt."""
    shared = 0
    while shared < min(len(chosen), len(rejected)) - 1 and chosen[shared] == rejected[shared]:
        shared += 1
    if shared == 0:
        raise DataError("the pair has no prompt", hint="add a `prompt` column, or begin both with the same messages")
    return chosen[:shared], chosen[shared:], rejected[shared:]
