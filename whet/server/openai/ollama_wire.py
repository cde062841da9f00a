"""Bodies of `/api/chat`, `/api/generate` and `/api/embed`, as Ollama has them, and the chats that they come to."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from whet.server.openai.refused import Refused
from whet.server.openai.wire import Called, Chat, Completion, Message, Structured, Tool, ToolCall, Unit, Wire


class Options(Wire):
    """Ollama's names of the settings of a draw. What is not among them is passed over, as there."""

    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_k: Annotated[int, Field(ge=-1)] | None = None
    top_p: Unit | None = None
    min_p: Unit | None = None
    repeat_penalty: Annotated[float, Field(ge=0.01, le=100)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    num_predict: Annotated[int, Field(ge=-2)] | None = None
    seed: int | None = None
    stop: str | list[str] | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """The same by OpenAI's names, and vLLM's."""
        alike = ("temperature", "top_k", "top_p", "min_p", "frequency_penalty", "presence_penalty", "seed", "stop")
        most = self.num_predict
        given = {name: getattr(self, name) for name in alike} | {"repetition_penalty": self.repeat_penalty}
        return given | {"max_tokens": most if most is not None and most > 0 else None}


class OllamaCall(Wire):
    function: Called


class OllamaMessage(Wire):
    role: Literal["system", "user", "assistant", "tool"]
    content: str | None = None
    images: list[Any] | None = None
    tool_calls: list[OllamaCall] | None = None
    tool_name: str | None = None


class Common(Wire):
    model: str
    options: Options | None = None
    stream: bool | None = None
    format: str | dict[str, Any] | None = None

    @property
    def settings(self) -> dict[str, Any]:
        return self.options.settings if self.options is not None else {}

    @property
    def name(self) -> str:
        """The model as it is called here: `:latest`, which clients put behind a name, says nothing."""
        return self.model.removesuffix(":latest")


class OllamaChat(Common):
    messages: list[OllamaMessage]
    tools: list[Tool] | None = None


class OllamaText(Common):
    prompt: str = ""
    system: str | None = None
    raw: bool | None = None
    suffix: str | None = None
    images: list[Any] | None = None


class OllamaEmbed(Wire):
    model: str
    input: str | list[str] | None = None
    prompt: str | None = None
    dimensions: Annotated[int, Field(ge=1)] | None = None

    @property
    def name(self) -> str:
        return self.model.removesuffix(":latest")


class Shown(Wire):
    model: str


def chat_of(body: OllamaChat) -> Chat:
    """The same as a chat. Raises Refused for pictures."""
    messages = [_message(one, number) for number, one in enumerate(body.messages)]
    return Chat(
        model=body.name, messages=messages, tools=body.tools or None, response_format=_format(body.format),
        **body.settings,
    )  # fmt: skip


def talk_of(body: OllamaText) -> Chat:
    """A text as what a user says."""
    _check_text(body)
    messages = [Message(role="system", content=body.system)] if body.system else []
    messages.append(Message(role="user", content=body.prompt))
    return Chat(model=body.name, messages=messages, response_format=_format(body.format), **body.settings)


def completion_of(body: OllamaText, longest: int) -> Completion:
    """A text that is gone on with as it is, to at most `longest` tokens where nothing else is said."""
    _check_text(body)
    form = _format(body.format)
    schema: Any = form and form.get("json_schema", {}).get("schema", {"type": "object"})
    settings = body.settings
    settings["max_tokens"] = settings.get("max_tokens") or longest
    structured = None if schema is None else Structured.model_validate({"json": schema})
    return Completion(model=body.name, prompt=body.prompt, structured_outputs=structured, **settings)


def _check_text(body: OllamaText) -> None:
    if body.suffix or body.images:
        name = "suffix" if body.suffix else "images"
        raise Refused(f"`{name}` cannot be taken into account", param=name, code="unsupported_parameter")


def _message(given: OllamaMessage, number: int) -> Message:
    if given.images:
        said, place = "this model reads text alone", f"messages[{number}].images"
        raise Refused(said, param=place, code="unsupported_value")
    calls = [ToolCall(function=one.function) for one in given.tool_calls or []]
    return Message(role=given.role, content=given.content, tool_calls=calls or None, name=given.tool_name)


def _format(given: str | dict[str, Any] | None) -> dict[str, Any] | None:
    if isinstance(given, dict):
        return {"type": "json_schema", "json_schema": {"schema": given}}
    if given == "json":
        return {"type": "json_object"}
    if given:
        raise Refused(f"there is no format `{given[:40]}`: json, or a schema", param="format", code="invalid_value")
    return None
