"""Dialects: the ways in which templates expect messages that say the same, and which of them a template takes.

One wants a call's arguments as an object, another as JSON text; one wants no content beside calls, another an empty
one; some take contents only as lists of parts. A template's dialects are found by trying them on short conversations:
it takes those in which it writes all that was said.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import product
from typing import Any, Literal

_REASONING = ("reasoning_content", "thinking", "reasoning")
_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How messages are handed to a template. The defaults are the form in which rows are read."""

    arguments: Literal["object", "text"] = "object"
    beside_calls: Literal["as it is", "none", "absent"] = "as it is"
    content: Literal["text", "parts"] = "text"
    results: Literal["tool", "ipython", "observation", "function", "tool_response"] = "tool"
    ids: Literal["as they are", "nine letters"] = "as they are"
    reasoning: Literal["apart", "in the content"] = "apart"

    def adapt(self, messages: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """The messages in this dialect."""
        return [self._adapt(message) for message in messages]

    def __str__(self) -> str:
        """What differs from the form in which rows are read; empty if nothing does."""
        said = {
            "arguments": "arguments as JSON text",
            "beside_calls": "an empty content beside calls is " + self.beside_calls,
            "content": "contents as lists of parts",
            "results": f"results have the role `{self.results}`",
            "ids": "ids of calls have nine letters",
            "reasoning": "reasoning in `<think>` at the content's start",
        }
        return ", ".join(said[f.name] for f in fields(self) if getattr(self, f.name) != f.default)

    def _adapt(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        adapted = dict(message)
        if self.reasoning == "in the content":
            thoughts = next((adapted[key] for key in _REASONING if isinstance(adapted.get(key), str)), None)
            adapted = {key: value for key, value in adapted.items() if key not in _REASONING}
            if thoughts is not None:
                adapted["content"] = f"<think>\n{thoughts.strip()}\n</think>\n\n{adapted.get('content') or ''}"
        if calls := adapted.get("tool_calls"):
            adapted["tool_calls"] = [self._call(call) for call in calls]
        if adapted.get("role") == "tool":
            adapted["role"] = self.results
            if self.ids == "nine letters" and isinstance(adapted.get("tool_call_id"), str):
                adapted["tool_call_id"] = nine_letters(adapted["tool_call_id"])
        content = adapted.get("content")
        if calls and not content and self.beside_calls != "as it is":
            adapted["content"] = None
            if self.beside_calls == "absent":
                del adapted["content"]
        elif self.content == "parts" and isinstance(content, str):
            adapted["content"] = [{"type": "text", "text": content}]
        return adapted

    def _call(self, call: Mapping[str, Any]) -> Mapping[str, Any]:
        adapted = dict(call)
        if self.ids == "nine letters" and isinstance(adapted.get("id"), str):
            adapted["id"] = nine_letters(adapted["id"])
        function = adapted.get("function")
        if (
            self.arguments == "text"
            and isinstance(function, Mapping)
            and not isinstance(function.get("arguments"), str)
        ):
            arguments = json.dumps(function.get("arguments"), ensure_ascii=False)
            adapted["function"] = {**function, "arguments": arguments}
        return adapted


PLAIN = Dialect()


def nine_letters(identity: str) -> str:
    """An id of nine letters and digits, as Mistral's templates insist on, for any id; those that fit stay."""
    import hashlib

    if re.fullmatch(r"[a-zA-Z0-9]{9}", identity):
        return identity
    number = int.from_bytes(hashlib.sha256(identity.encode("utf-8", "surrogatepass")).digest()[:8])
    return "".join(_ALPHABET[number // 62**place % 62] for place in range(9))


def candidates(*, calls: bool, reasoning: bool) -> Iterator[Dialect]:
    """All dialects that can matter, those nearest to the form of rows first."""
    own: dict[str, Sequence[str]] = {"content": ("text", "parts")}
    if calls:
        own |= {
            "arguments": ("object", "text"),
            "beside_calls": ("as it is", "none", "absent"),
            "ids": ("as they are", "nine letters"),
            "results": ("tool", "ipython", "observation", "function", "tool_response"),
        }
    if reasoning:
        own["reasoning"] = ("apart", "in the content")
    choices = [dict(zip(own, values, strict=True)) for values in product(*own.values())]
    choices.sort(key=lambda chosen: sum(chosen[name] != own[name][0] for name in own))
    return (replace(PLAIN, **chosen) for chosen in choices)  # type: ignore[arg-type]


# The words of the conversations that dialects are tried on: no template holds them.
NAME, KEY, VALUE, RESULT = "qz_tool_of_probe", "qz_key_of_probe", "qz value of probe", "qz result of probe"
DESCRIPTION = "qz description of probe"
TOOL: Message = {
    "type": "function",
    "function": {
        "name": NAME,
        "description": DESCRIPTION,
        "parameters": {"type": "object", "properties": {KEY: {"type": "string"}}, "required": [KEY]},
    },
}
QUESTION, ANSWER, THOUGHT = "qz question of probe", "qz answer of probe", "qz thought of probe"


def plain_probe(*, reasoning: bool) -> list[Message]:
    """A question and an answer, with reasoning before it if asked for."""
    thought = {"reasoning_content": THOUGHT} if reasoning else {}
    return [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": ANSWER, **thought}]


def calling_probe() -> list[Message]:
    """A question, a call, its result and an answer. Ids are of another form than any template asks for."""
    function = {"name": NAME, "arguments": {KEY: VALUE}}
    call = {"id": "call_of_probe", "type": "function", "function": function}
    result = {"role": "tool", "tool_call_id": "call_of_probe", "name": NAME, "content": RESULT}
    asked, answer = plain_probe(reasoning=False)
    return [asked, {"role": "assistant", "content": "", "tool_calls": [call]}, result, answer]


def may_write(text: str) -> bool:
    """Whether the text of a conversation can hold the call of the probe, and holds its result once."""
    return VALUE in text and text.count(RESULT) == 1


def writes_call(said: str) -> bool:
    """Whether what the assistant is to say is the call of the probe with its argument.

    An argument as JSON inside of a JSON text, or in Python's form of a dict, is not what was said.
    """
    wrong = (f'\\"{KEY}', f"{{'{KEY}")
    return said.count(VALUE) == 1 and NAME in said and KEY in said and not any(form in said for form in wrong)
