"""Bodies of `/v1/responses`, as OpenAI has them, and the chats that they come to."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from whet.server.openai.refused import Refused
from whet.server.openai.wire import Called, Chat, Function, Message, Metadata, Tool, ToolCall, Unit, Wire

Item = dict[str, Any]
LOGPROBS = "message.output_text.logprobs"


class Text(Wire):
    format: dict[str, Any] | None = None


class Responses(Wire):
    model: str | None = None
    input: str | list[Item] | None = None
    instructions: str | None = None
    max_output_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Unit | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    include: list[str] | None = None
    stream: bool | None = None
    store: bool | None = None
    tools: list[Item] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    text: Text | None = None
    previous_response_id: str | None = None
    metadata: Metadata | None = None
    truncation: Literal["auto", "disabled"] | None = None
    background: bool | None = None
    conversation: Any = None
    prompt: Any = None

    @property
    def tells_logprobs(self) -> bool:
        return LOGPROBS in (self.include or [])

    @property
    def items(self) -> list[Item]:
        """The input as items, of which a text is one."""
        if isinstance(self.input, str):
            return [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": self.input}]}]
        return self.input or []


def chat_of(body: Responses, before: Sequence[Item]) -> Chat:
    """The same as a chat, behind the items of the conversation before. Raises Refused for what cannot be done."""
    for name in ("background", "conversation", "prompt"):
        if getattr(body, name):
            raise Refused(f"`{name}` is not supported here", param=name, code="unsupported_parameter")
    if body.truncation == "auto":
        said = "no input is cut here: `truncation` is `disabled`"
        raise Refused(said, param="truncation", code="unsupported_parameter")
    if body.input is None:
        raise Refused("`input` is missing", param="input", code="missing_required_parameter")
    messages = [Message(role="system", content=body.instructions)] if body.instructions else []
    messages += _messages([*before, *body.items], len(before))
    if not messages:
        raise Refused("an empty input gives the model nothing to answer", param="input", code="invalid_value")
    tells = body.tells_logprobs
    return Chat(
        model=body.model, messages=messages, max_completion_tokens=body.max_output_tokens,
        temperature=body.temperature, top_p=body.top_p, logprobs=tells,
        top_logprobs=body.top_logprobs if tells else None,
        tools=[_tool(one, number) for number, one in enumerate(body.tools or [])] or None,
        tool_choice=_choice(body.tool_choice), parallel_tool_calls=body.parallel_tool_calls,
        response_format=_format(body.text),
    )  # fmt: skip


def _messages(items: Sequence[Item], num_before: int) -> Iterator[Message]:
    """Messages of items. Calls that stand side by side are one turn's, and that of a message before them."""
    held: Message | None = None
    for number, item in enumerate(items, -num_before):
        place = f"input[{number}]"
        kind = item.get("type", "message")
        if kind == "reasoning":  # thoughts are passed over
            continue
        if kind == "function_call":
            call = _call(item, place)
            calls = [*(held.tool_calls or [] if held is not None else []), call]
            held = Message(role="assistant", content=held.content if held is not None else "", tool_calls=calls)
            continue
        if held is not None:
            yield held
            held = None
        message = _message(item, kind, place)
        if message.role == "assistant":
            held = message
        else:
            yield message
    if held is not None:
        yield held


def _message(item: Item, kind: Any, place: str) -> Message:
    if kind == "function_call_output":
        call = _word(item, "call_id", place)
        return Message(role="tool", content=_text(item.get("output"), f"{place}.output"), tool_call_id=call)
    if kind != "message":
        said = f"items of the type {kind!r} are not read here"
        raise Refused(said, param=f"{place}.type", code="unsupported_value")
    role: Any = item.get("role")
    if role not in ("user", "assistant", "system", "developer"):
        said = f"`{place}.role` is {json.dumps(role)[:40]}: user, assistant, system or developer"
        raise Refused(said, param=f"{place}.role", code="invalid_value")
    return Message(role=role, content=_text(item.get("content"), f"{place}.content"))


def _text(content: Any, place: str) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise Refused(f"`{place}` is neither text nor a list of parts", param=place, code="invalid_type")
    return "".join(_said(part, f"{place}[{number}]") for number, part in enumerate(content))


def _said(part: Any, place: str) -> str:
    kind: Any = part.get("type") if isinstance(part, dict) else part
    name = "refusal" if kind == "refusal" else "text"
    if kind not in ("input_text", "output_text", "text", "refusal") or not isinstance(part.get(name), str):
        said = f"this model reads text alone, and no part of the type {kind!r}"
        raise Refused(said, param=place, code="unsupported_value")
    return part[name]


def _call(item: Item, place: str) -> ToolCall:
    given = item.get("arguments")
    arguments = given if isinstance(given, str | dict) else ""
    return ToolCall(
        id=_word(item, "call_id", place), function=Called(name=_word(item, "name", place), arguments=arguments)
    )


def _word(item: Item, name: str, place: str) -> str:
    value = item.get(name)
    if not isinstance(value, str) or not value:
        param = f"{place}.{name}"
        raise Refused(f"`{param}` is missing", param=param, code="missing_required_parameter")
    return value


def _tool(given: Item, number: int) -> Tool:
    """A function. Tools that OpenAI runs itself are not here."""
    place = f"tools[{number}]"
    if given.get("type") != "function":
        said = f"there are tools of the type `function` here, and no {json.dumps(given.get('type'))[:40]}"
        raise Refused(said, param=f"{place}.type", code="unsupported_value")
    parameters = given.get("parameters")
    if parameters is not None and not isinstance(parameters, dict):
        raise Refused(f"`{place}.parameters` is no object", param=f"{place}.parameters", code="invalid_type")
    about = given.get("description")
    function = Function(
        name=_word(given, "name", place), description=about if isinstance(about, str) else None, parameters=parameters
    )
    return Tool(type="function", function=function)


def _choice(given: str | dict[str, Any] | None) -> str | dict[str, Any] | None:
    """A choice as chats have it, where the function's name stands one deeper."""
    if isinstance(given, dict) and given.get("type") == "function":
        return {"type": "function", "function": {"name": given.get("name")}}
    return given


def _format(given: Text | None) -> dict[str, Any] | None:
    """A format as chats have it, where the schema stands one deeper."""
    if given is None or given.format is None:
        return None
    if given.format.get("type") == "json_schema":
        return {"type": "json_schema", "json_schema": {"schema": given.format.get("schema")}}
    return given.format
