"""Joins: a prompt and the reply to it as one conversation, in which nothing stands twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from whet.base.errors import DataError

Messages = Sequence[Mapping[str, Any]]
Read = list[dict[str, Any]]


def joined(prompt: Read, reply: Read, name: str) -> tuple[Read, Read]:
    """(what is asked, the reply, which begins with the assistant) of a prompt and what stands in the column `name`.

    A reply may be a whole conversation, or begin with the end of the prompt: what both have is taken once, as the
    reply has it. Raises DataError for one that begins with something else, or has nothing of the assistant.
    """
    kept, behind = _overlap(prompt, reply)
    whole = [*prompt[:kept], *reply]
    start = behind
    while start < len(whole) and whole[start]["role"] != "assistant":
        start += 1
    if start == len(whole):
        raise DataError(f"`{name}` has no reply of the assistant", hint=_example(name))
    if kept == len(prompt) and start > behind and not _goes_on(prompt, reply):
        raise DataError(
            f"`{name}` begins with a message of the {reply[0]['role']}, and not with what the prompt ends with",
            hint=f"{_example(name)}; or leave `prompt` out, if `{name}` is the whole conversation",
        )
    if whole[start - 1 : start] and whole[start - 1]["role"] == "assistant":
        raise DataError(
            f"the prompt ends with a reply, and `{name}` begins with another", hint="end the prompt with what is asked"
        )
    return whole[:start], whole[start:]


def split(chosen: Read, rejected: Read) -> tuple[Read, Read, Read]:
    """(what both begin with, the chosen reply, the rejected reply) of two whole conversations. Raises DataError."""
    shared = 0
    while shared < min(len(chosen), len(rejected)) - 1 and is_same(chosen[shared], rejected[shared]):
        shared += 1
    hint = "add a `prompt` column, or begin both with the same messages"
    if shared == 0:
        raise DataError("the pair has no prompt", hint=hint)
    for name, reply in (("chosen", chosen[shared:]), ("rejected", rejected[shared:])):
        if reply[0]["role"] != "assistant":
            said = f"message {shared} of `{name}`, of the {reply[0]['role']}, is not that of the other side"
            raise DataError(f"the pair answers two prompts: {said}", hint=hint)
    return chosen[:shared], chosen[shared:], rejected[shared:]


def is_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two messages say the same, but for blanks around it."""
    return (
        one["role"] == other["role"]
        and one["content"].strip() == other["content"].strip()
        and one.get("tool_calls") == other.get("tool_calls")
    )


def are_same(some: Messages, others: Messages) -> bool:
    return len(some) == len(others) and all(map(is_same, some, others))


def _overlap(prompt: Read, reply: Read) -> tuple[int, int]:
    """(messages of the prompt that the reply does not have, where in both together the prompt ends)."""
    systems = next((i for i, message in enumerate(reply) if message["role"] != "system"), len(reply))
    for first in range(systems + 1):  # the whole prompt, perhaps behind a system message of the reply's own
        if len(reply) > first + len(prompt) and are_same(reply[first : first + len(prompt)], prompt):
            return (0, first + len(prompt)) if prompt else (0, 0)
    for size in range(min(len(prompt), len(reply) - 1), 0, -1):
        if are_same(prompt[-size:], reply[:size]):
            return len(prompt) - size, len(prompt)
    return len(prompt), len(prompt)


def _goes_on(prompt: Read, reply: Read) -> bool:
    """Whether a prompt that asks nothing is followed by the question, or a call by its result."""
    asks_nothing = all(message["role"] == "system" for message in prompt) and reply[0]["role"] == "user"
    return asks_nothing or (reply[0]["role"] == "tool" and bool(prompt and prompt[-1].get("tool_calls")))


def _example(name: str) -> str:
    return f"{name}: [{{role: assistant, content: ...}}]"
