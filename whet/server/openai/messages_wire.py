"""Bodies of `/v1/messages`, as Anthropic has them, and the chats that they come to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field

from whet.server.openai.refused import Refused
from whet.server.openai.wire import Called, Chat, Function, Message, Tool, ToolCall, Unit, Wire

Blocks = list[dict[str, Any]]


class Turn(Wire):
    role: Literal["user", "assistant"]
    content: str | Blocks


class Offered(Wire):
    name: str
    description: str | None = None
    input_schema: dict[str, Any] | None = None


class Messages(Wire):
    model: str | None = None
    max_tokens: Annotated[int, Field(ge=1)]
    messages: Annotated[list[Turn], Field(min_length=1)]
    system: str | Blocks | None = None
    stop_sequences: list[str] | None = None
    stream: bool | None = None
    temperature: Unit | None = None
    top_p: Unit | None = None
    top_k: Annotated[int, Field(ge=0)] | None = None
    tools: list[Offered] | None = None
    tool_choice: dict[str, Any] | None = None


class Counted(Messages):
    """A body whose tokens are counted alone."""

    max_tokens: int = 1


def chat_of(body: Messages) -> Chat:
    """The same as a chat. Raises Refused for blocks that are not text, calls and their results."""
    messages = [Message(role="system", content=_text(body.system, "system"))] if body.system else []
    for number, turn in enumerate(body.messages):
        messages += _turn(turn, f"messages[{number}].content")
    tools = [
        Tool(
            type="function", function=Function(name=one.name, description=one.description, parameters=one.input_schema)
        )
        for one in body.tools or []
    ]
    choice = body.tool_choice or {}
    kind = str(choice.get("type", "auto"))
    chosen: dict[Any, Any] = {"any": "required", "tool": {"function": {"name": choice.get("name")}}}
    return Chat(
        model=body.model, messages=messages, max_tokens=body.max_tokens, stop=body.stop_sequences,
        temperature=body.temperature, top_p=body.top_p, top_k=body.top_k, tools=tools or None,
        tool_choice=chosen.get(kind, kind),
    )  # fmt: skip


def _turn(turn: Turn, place: str) -> Iterator[Message]:
    if isinstance(turn.content, str):
        yield Message(role=turn.role, content=turn.content)
        return
    rest: list[tuple[int, dict[str, Any]]] = []  # with their places in what was asked
    for number, block in enumerate(turn.content):
        if block.get("type") == "tool_result":
            said = _text(block.get("content") or "", f"{place}[{number}].content")
            yield Message(role="tool", content=said, tool_call_id=_word(block, "tool_use_id", place, number))
        else:
            rest.append((number, block))
    calls = [_call(block, place, number) for number, block in rest if block.get("type") == "tool_use"]
    texts = [_said(block, f"{place}[{number}]") for number, block in rest if block.get("type") != "tool_use"]
    if rest:
        yield Message(role=turn.role, content="".join(texts), tool_calls=calls or None)


def _call(block: dict[str, Any], place: str, number: int) -> ToolCall:
    given = block.get("input")
    arguments = json.dumps(given if isinstance(given, dict) else {})
    return ToolCall(
        id=_word(block, "id", place, number),
        function=Called(name=_word(block, "name", place, number), arguments=arguments),
    )


def _word(block: dict[str, Any], name: str, place: str, number: int) -> str:
    value = block.get(name)
    if not isinstance(value, str) or not value:
        param = f"{place}[{number}].{name}"
        raise Refused(f"`{param}` is missing", param=param, code="missing_required_parameter")
    return value


def _text(content: Any, place: str) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise Refused(f"`{place}` is neither text nor a list of blocks", param=place, code="invalid_type")
    return "".join(_said(block, f"{place}[{number}]") for number, block in enumerate(content))


def _said(block: Any, param: str) -> str:
    """What a block says; thoughts are passed over."""
    kind: Any = block.get("type") if isinstance(block, dict) else block
    if kind not in ("text", "thinking") or not isinstance(block.get(kind), str):
        raise Refused(f"this model reads text alone, and no block of the type {kind!r}", param=param)
    return block["text"] if kind == "text" else ""
