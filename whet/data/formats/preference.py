"""Preference pairs: one prompt, a chosen and a rejected reply, in the spellings in use."""

from collections.abc import Mapping
from typing import Any

from whet.base.catalogue import data_format
from whet.base.errors import DataError
from whet.contracts.rows import Preference
from whet.data.formats.alpaca import alpaca_prompt
from whet.data.rows.columns import SYSTEMS, number, text_in, what
from whet.data.rows.joins import are_same, joined, split
from whet.data.rows.messages import holds_messages, read_messages, read_tools, with_system
from whet.data.rows.transcript import asks, is_transcript, read_question, read_transcript

_PAIRS = (
    ("chosen", "rejected"),
    ("preferred_output", "non_preferred_output"),
    ("chosen_messages", "rejected_messages"),
)
_PROMPTS = ("prompt", "conversations", "messages", "question")


_BETTER = frozenset(better for better, _ in _PAIRS)


def _matches(row: dict[str, Any]) -> bool:
    return not _BETTER.isdisjoint(row) and any(
        better in row and worse in row and (row[better] or row[worse]) for better, worse in _PAIRS
    )


@data_format("preference", matches=_matches, priority=90, columns=("prompt", "chosen", "rejected"))
def preference(row: dict[str, Any]) -> Preference:
    """`chosen` and `rejected` (texts or messages) after `prompt`, `conversations`, `instruction`; or OpenAI's pairs."""
    names = _named(row)
    asked, tools = _asked(row, names)
    prompt, chosen, rejected = _sides(row, names, asked)
    if chosen == rejected:
        raise DataError("the chosen and the rejected reply are the same", hint="leave the row out")
    system = text_in(row, SYSTEMS)
    return Preference(with_system(prompt, system), chosen, rejected, read_tools(tools), _margin(row))


def _named(row: dict[str, Any]) -> tuple[str, str]:
    """The columns of both replies. Raises DataError where one is empty: a row of this format all the same."""
    names = next((pair for pair in _PAIRS if any(row.get(name) for name in pair)), _PAIRS[0])
    for name in names:
        if not row.get(name):
            raise DataError(f"`{name}` is empty", hint="a pair has two replies; with one, `label` it for `kto`")
    return names


def _asked(row: dict[str, Any], names: tuple[str, str]) -> tuple[Any, Any]:
    """What is asked, as the row has it, and the tools."""
    if names == ("preferred_output", "non_preferred_output"):
        given = row.get("input") or {}
        if not isinstance(given, Mapping):
            raise DataError(
                f"`input` is {what(given)}, not an object",
                hint='"input": {"messages": [{"role": "user", "content": "Name a color."}]}',
            )
        return given.get("messages"), given.get("tools") or row.get("tools")
    # What stands in `messages` beside whole conversations is one of them again.
    prompts = ("prompt",) if names == ("chosen_messages", "rejected_messages") else _PROMPTS
    asked = next((row[name] for name in prompts if row.get(name)), None)
    if not asked and isinstance(row.get("instruction"), str):
        asked = alpaca_prompt(row)
    return asked, row.get("tools")


def _sides(row: dict[str, Any], names: tuple[str, str], asked: Any) -> tuple[list, list, list]:
    """The prompt and both replies, each said once."""
    better, worse = row[names[0]], row[names[1]]
    if not asked:
        if all(isinstance(side, str) and is_transcript(side) for side in (better, worse)):
            return split(read_transcript(better), read_transcript(worse))
        return split(_reply(better, names[0]), _reply(worse, names[1]))
    if isinstance(asked, str) and asks(asked):  # and replies that go on with it, or are whole transcripts
        sides = [_behind(asked, side) for side in (better, worse)]
        prompt = read_question(asked)
    else:
        sides, prompt = [better, worse], prompt_of(asked)
    (left, chosen), (right, rejected) = (
        joined(prompt, _reply(side, name), name) for side, name in zip(sides, names, strict=True)
    )
    if not are_same(left, right):
        raise DataError(
            f"`{names[0]}` and `{names[1]}` answer two prompts: what stands before the replies differs",
            hint=f"the replies alone in `{names[0]}` and `{names[1]}`, and all before them in `prompt`",
        )
    return left, chosen, rejected


def prompt_of(asked: Any) -> list[dict[str, Any]]:
    """The messages of a prompt, which may be a text. Raises DataError for anything else."""
    if isinstance(asked, str):
        asked = [{"role": "user", "content": asked}]
    if not isinstance(asked, list | tuple):
        raise DataError(f"the prompt is {what(asked)}, neither a text nor messages", hint='"prompt": "Name a color."')
    return read_messages(asked)


def _behind(prompt: str, side: Any) -> Any:
    """What a text says behind the transcript that it begins with."""
    return side[len(prompt) :].lstrip() if isinstance(side, str) and side.startswith(prompt) else side


def _margin(row: dict[str, Any]) -> float | None:
    """By how much the chosen reply is better: `margin`, or the difference of the replies' scores."""
    if row.get("margin") is not None:
        return number(row["margin"], "the margin")
    scores = [row.get("score_chosen"), row.get("score_rejected")]
    if None in scores:
        return None
    better, worse = (number(score, "a score of the replies") for score in scores)
    return number(better - worse, "the margin of the scores")


def _reply(reply: Any, name: str) -> list[dict[str, Any]]:
    if isinstance(reply, str):
        reply = {"role": "assistant", "content": reply}
    if isinstance(reply, Mapping):
        reply = [reply]
    if not holds_messages(reply):
        raise DataError(f"`{name}` is {what(reply)}, neither a text nor messages", hint=f'"{name}": "Blue."')
    return read_messages(reply)
