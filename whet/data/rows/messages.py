"""Messages in one form: OpenAI's, whatever the data set calls its speakers, its parts and its tool calls."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from whet.base.errors import DataError
from whet.base.nearest import nearest
from whet.data.rows.columns import text_of, what
from whet.data.rows.content_parts import Parts, are_parts, read_parts
from whet.data.rows.message_weights import NAMES, REFUSED, weight_of

ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "ai": "assistant",
    "model": "assistant",
    "function_call": "assistant",
    "tool_call": "assistant",
    "tool": "tool",
    "function": "tool",
    "observation": "tool",
    "ipython": "tool",
    "tool_response": "tool",
    "function_response": "tool",
}
_CALLS = ("function_call", "tool_call")
_SAID = ("content", "value", "text", "parts")
_SPARE = frozenset(("role", "from", *_SAID, "tool_calls", "function_call")) | NAMES | REFUSED.keys()
_MEDIA = ("images", "image", "audios", "audio", "videos", "video")


def read_messages(
    messages: Sequence[Mapping[str, Any]], *, after: Sequence[Mapping[str, Any]] = ()
) -> list[dict[str, Any]]:
    """The messages with `role` and string `content`, tool calls as objects with ids. Raises DataError.

    Takes `role`/`content` and `from`/`value` alike, contents in parts, and weights under all names in use. Keys
    without a value are dropped, as transformers drops them when it serves; unknown keys are kept for the template to
    read. A tool message without an id answers the calls before it in order, those of the messages read before it
    (`after`) included.
    """
    if not messages:
        raise DataError("the list of messages is empty", hint="leave the row out")
    read: list[dict[str, Any]] = []
    waiting = [call["id"] for call in after[-1].get("tool_calls", ())] if after else []
    num_calls = sum(len(message.get("tool_calls", ())) for message in after)
    for number, given in enumerate(messages):
        if not isinstance(given, Mapping):
            raise DataError(f"message {number} is {what(given)}, not an object", hint=_EXAMPLE)
        for message in _read(given, number, num_calls):
            calls = message.get("tool_calls")
            if calls:
                waiting = [call["id"] for call in calls]
                num_calls += len(calls)
            elif message["role"] == "tool" and waiting:
                answered = message.setdefault("tool_call_id", waiting[0])
                waiting = [call for call in waiting if call != answered]
            read.append(message)
    return read


def with_system(messages: list[dict[str, Any]], system: Any) -> list[dict[str, Any]]:
    """The messages after a system message of this text, where there is one and they do not begin with it themselves.

    Raises DataError where they begin with another system message: which of the two is meant is unknown.
    """
    text = text_of(system, "system")
    if not text:
        return messages
    if messages and messages[0]["role"] == "system":
        if messages[0]["content"].strip() == text.strip():
            return messages
        raise DataError(
            f"the column `system` says {what(text)}, and the first message {what(messages[0]['content'])}",
            hint="keep one of them: columns: {unused: system} leaves the column unread",
        )
    return [{"role": "system", "content": text}, *messages]


def read_tools(tools: Any) -> tuple[dict[str, Any], ...]:
    """OpenAI function schemas from a list or its JSON text; bare functions are wrapped. Raises DataError."""
    if isinstance(tools, str):
        tools = parse_json(tools, "`tools`") if tools.strip() else []
    if isinstance(tools, Mapping):
        tools = [tools]
    if not tools:
        return ()
    if not isinstance(tools, Sequence):
        raise DataError("`tools` is not a list of function schemas", hint=_TOOLS)
    return tuple(_tool(tool) for tool in tools)


def parse_json(text: str, what: str) -> Any:
    """The value of a JSON text inside a row. Raises DataError with the text."""
    hint = f"write {what} as JSON"
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        at = f"{error.msg} at character {error.pos}"
    except (RecursionError, ValueError) as error:  # endless brackets and numbers
        at = "it is nested too deeply" if isinstance(error, RecursionError) else str(error).split(";")[0]
    raise DataError(f"{what} is not JSON ({at}): {text[:80]!r}", hint=hint)


def holds_messages(value: Any) -> bool:
    """Whether the value is a list of messages in either spelling."""
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and bool(value)
        and all(isinstance(m, Mapping) and ("role" in m or "from" in m) for m in value)
    )


_EXAMPLE = '{"role": "user", "content": "Name a color."}'
_TOOLS = 'tools: [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]'


def _read(given: Mapping[str, Any], number: int, first_call: int) -> list[dict[str, Any]]:
    """The message; of Anthropic's user messages with results of tools, each result before it as one of its own."""
    said = given.get("role", given.get("from"))
    role = _role(said, number)
    content = next((given[key] for key in _SAID if given.get(key) is not None), None)
    if isinstance(content, Mapping) and isinstance(content.get("type"), str) and role != "tool":
        content = [content]
    if not isinstance(content, str) and content is not None and (role != "tool" or are_parts(content)):
        if not are_parts(content):
            raise DataError(f"the content of message {number} is {what(content)}, not text", hint=_EXAMPLE)
        return _of_parts(given, role, read_parts(content, number), number, first_call)
    return [_message(given, role, content, number, first_call, is_call=said in _CALLS)]


def _of_parts(given: Mapping[str, Any], role: str, parts: Parts, number: int, first_call: int) -> list[dict[str, Any]]:
    named = ((text, {"tool_call_id": call} if call else {}) for call, text in parts.results)
    results = [{"role": "tool", "content": text, **call} for text, call in named]
    if results and role == "tool":
        parts.text, results = parts.text + "".join(result["content"] for result in results), []
    if results and not parts.text:
        return results
    if parts.calls:
        given = {**given, "tool_calls": [*(given.get("tool_calls") or ()), *parts.calls]}
    if parts.reasoning:
        given = {**given, "reasoning_content": parts.reasoning}
    return [*results, _message(given, role, parts.text, number, first_call)]


def _message(
    given: Mapping[str, Any], role: str, content: Any, number: int, first_call: int, *, is_call: bool = False
) -> dict[str, Any]:
    if len(given) == 2 and isinstance(content, str) and not is_call:  # a role and a text: most messages
        if role == "assistant" and not content.strip():
            raise _empty(number)
        return {"role": role, "content": content}
    read: dict[str, Any] = {"role": role, "content": ""}
    read |= {key: value for key, value in given.items() if value is not None and key not in _SPARE}
    weight = weight_of(given, number)
    if weight is not None:
        read["weight"] = weight
    _refuse_media(given, number)
    calls = given.get("tool_calls") or given.get("function_call")
    if is_call and not calls:
        calls, content = parse_json(_text(content), f"the tool call in message {number}"), None
    read["content"] = _text(content)
    if isinstance(calls, str):
        calls = parse_json(calls, f"`tool_calls` of message {number}")
    if calls:
        calls = calls if isinstance(calls, list | tuple) else [calls]
        read["tool_calls"] = [_call(call, number, first_call + i) for i, call in enumerate(calls)]
    elif role == "assistant" and not read["content"].strip() and read.get("weight", 1):
        raise _empty(number)
    elif content is None and role in ("user", "system"):
        keys = ", ".join(f"`{key}`" for key in list(given)[:8])
        raise DataError(f"message {number} of the {role} has no text; its keys are {keys}", hint=_EXAMPLE)
    return read


def _role(said: Any, number: int) -> str:
    role = (ROLES.get(said) or ROLES.get(said.lower())) if isinstance(said, str) else None
    if role is None:
        near = nearest(said.lower(), ROLES) if isinstance(said, str) else None
        hint = f"did you mean `{near}`?" if near else f"known roles: {', '.join(ROLES)}"
        raise DataError(f"message {number} has the role {what(said)}", hint=hint)
    return role


def _refuse_media(given: Mapping[str, Any], number: int) -> None:
    for key in _MEDIA:
        if given.get(key):
            raise DataError(
                f"message {number} has `{key}`, and only texts are trained here",
                hint="rows without images, audio and video",
            )


def _empty(number: int) -> DataError:
    return DataError(f"message {number} is an empty reply", hint="write the reply, or leave the row out")


def _tool(tool: Any) -> dict[str, Any]:
    tool = parse_json(tool, "a tool") if isinstance(tool, str) else tool
    if not isinstance(tool, Mapping) or not isinstance(tool.get("function", tool), Mapping):
        raise DataError("`tools` is not a list of function schemas", hint=_TOOLS)
    if "function" in tool:
        return dict(tool)
    bare = dict(tool)
    if "input_schema" in bare:  # Anthropic's
        bare["parameters"] = bare.pop("input_schema")
    return {"type": "function", "function": bare}


def _call(call: Any, number: int, index: int) -> dict[str, Any]:
    function = call.get("function", call) if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise DataError(
            f"a tool call in message {number} has no function name: {str(call)[:80]}",
            hint='{"name": "weather", "arguments": {"city": "Paris"}}',
        )
    arguments = function.get("arguments", function.get("parameters")) or {}
    named = f"the arguments of `{function['name'][:60]}` in message {number}"
    if isinstance(arguments, str):
        arguments = parse_json(arguments, named) if arguments.strip() else {}
    if not isinstance(arguments, Mapping):
        raise DataError(f"{named} are {what(arguments)}, not an object", hint='"arguments": {"name": value}')
    # Mistral's templates insist on ids of nine letters and digits; others ignore them.
    identity = call.get("id") or f"call{index:05d}"
    return {"id": identity, "type": "function", "function": {"name": function["name"], "arguments": arguments}}


def _text(content: Any) -> str:
    """A content as text; what a tool answered otherwise as its JSON."""
    if content is None:
        return ""
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
