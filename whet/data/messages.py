"""Messages in one form: OpenAI's, whatever the data set calls its speakers and its tool calls."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from whet.base.errors import DataError

ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "function_call": "assistant",
    "tool_call": "assistant",
    "tool": "tool",
    "function": "tool",
    "observation": "tool",
    "tool_response": "tool",
    "function_response": "tool",
}
_CALLS = ("function_call", "tool_call")


def read_messages(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The messages with `role` and string `content`, tool calls as objects with ids. Raises DataError.

    Takes `role`/`content` and `from`/`value` alike. Keys without a value are dropped, as transformers
    drops them when it serves; unknown keys are kept for the template to read. A tool message without
    an id answers the calls before it in order.
    """
    if not messages:
        raise DataError("the list of messages is empty")
    read: list[dict[str, Any]] = []
    waiting: list[str] = []
    for number, message in enumerate(messages):
        if not isinstance(message, Mapping):
            raise DataError(f"message {number} is a {type(message).__name__}, not an object")
        message = _message(message, number, first_call=sum(len(m.get("tool_calls", ())) for m in read))
        if message.get("tool_calls"):
            waiting = [call["id"] for call in message["tool_calls"]]
        elif message["role"] == "tool" and waiting:
            answered = message.setdefault("tool_call_id", waiting[0])
            waiting = [call for call in waiting if call != answered]
        read.append(message)
    return read


def with_system(messages: list[dict[str, Any]], system: Any) -> list[dict[str, Any]]:
    """The messages after a system message of this text, where there is one."""
    return [{"role": "system", "content": str(system)}, *messages] if system else messages


def read_tools(tools: Any) -> tuple[dict[str, Any], ...]:
    """OpenAI function schemas from a list or its JSON text; bare functions are wrapped. Raises DataError."""
    if isinstance(tools, str):
        tools = parse_json(tools, "`tools`") if tools.strip() else []
    if isinstance(tools, Mapping):
        tools = [tools]
    if not tools:
        return ()
    if not isinstance(tools, Sequence) or not all(isinstance(tool, Mapping) for tool in tools):
        raise DataError("`tools` is not a list of function schemas")
    return tuple(dict(tool) if "function" in tool else {"type": "function", "function": dict(tool)} for tool in tools)


def parse_json(text: str, what: str) -> Any:
    """The value of a JSON text inside a row. Raises DataError with the text."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"{what} is not JSON ({error.msg} at character {error.pos}): {text[:80]!r}") from None


def holds_messages(value: Any) -> bool:
    """Whether the value is a list of messages in either spelling."""
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and bool(value)
        and all(isinstance(m, Mapping) and ("role" in m or "from" in m) for m in value)
    )


def _message(message: Mapping[str, Any], number: int, first_call: int) -> dict[str, Any]:
    said = message.get("role", message.get("from"))
    if said not in ROLES:
        raise DataError(f"message {number} has the role {said!r}", hint=f"known roles: {', '.join(ROLES)}")
    content = message.get("content", message.get("value"))
    spare = ("role", "from", "content", "value", "tool_calls", "function_call")
    read = {"role": ROLES[said], "content": ""} | {
        key: value for key, value in message.items() if key not in spare and value is not None
    }
    if not _is_weight(read.get("weight", 1)):
        raise DataError(
            f"message {number} has weight {read['weight']!r}", hint="a message's weight is a number from 0 on"
        )
    calls = message.get("tool_calls") or message.get("function_call")
    if said in _CALLS:
        calls, content = parse_json(_text(content, number), f"the tool call in message {number}"), None
    read["content"] = _text(content, number, may_be_object=read["role"] == "tool")
    if calls:
        calls = [calls] if isinstance(calls, Mapping) else calls
        read["tool_calls"] = [_call(call, number, first_call + i) for i, call in enumerate(calls)]
    elif read["role"] == "assistant" and not read["content"].strip() and read.get("weight", 1):
        raise DataError(f"message {number} is an empty reply", hint="`weight: 0` keeps it as context")
    return read


def _is_weight(value: Any) -> bool:
    return isinstance(value, int | float) and 0 <= value < float("inf")


def _call(call: Any, number: int, index: int) -> dict[str, Any]:
    function = call.get("function", call) if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise DataError(f"a tool call in message {number} has no function name: {json.dumps(call)[:80]}")
    arguments = function.get("arguments", function.get("parameters")) or {}
    if isinstance(arguments, str):
        arguments = parse_json(arguments, f"the arguments of `{function['name']}` in message {number}")
    # Mistral's templates insist on ids of nine letters and digits; others ignore them.
    identity = call.get("id") or f"call{index:05d}"
    return {"id": identity, "type": "function", "function": {"name": function["name"], "arguments": arguments}}


def _text(content: Any, number: int, *, may_be_object: bool = False) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, Sequence) and all(_is_text_part(part) for part in content):
        return "".join(part["text"] for part in content)
    if may_be_object:
        return json.dumps(content, ensure_ascii=False)
    raise DataError(f"the content of message {number} is a {type(content).__name__}, not text")


def _is_text_part(part: Any) -> bool:
    return isinstance(part, Mapping) and isinstance(part.get("text"), str)
