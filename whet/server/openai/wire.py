"""Bodies of requests, as OpenAI has them. Members that are not known are passed over, as there."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

Ids = list[Annotated[int, Field(ge=0)]]
Unit = Annotated[float, Field(ge=0, le=1)]
Metadata = Annotated[
    dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]], Field(max_length=16)
]


class Wire(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True, protected_namespaces=())


class StreamOptions(Wire):
    include_usage: bool = False


class Structured(Wire):
    """A form for an answer, as vLLM has it: one of these."""

    json_schema: Annotated[dict[str, Any] | str | None, Field(alias="json")] = None
    regex: str | None = None
    choice: Annotated[list[str], Field(min_length=1, max_length=1000)] | None = None
    grammar: str | None = None


class Sampled(Wire):
    """What all requests for text have. `top_k`, `min_p`, `repetition_penalty` and `structured_outputs` are not
    OpenAI's: vLLM has them so."""

    model: str | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Unit | None = None
    top_k: Annotated[int, Field(ge=-1)] | None = None
    min_p: Unit | None = None
    repetition_penalty: Annotated[float, Field(ge=0.01, le=100)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    logit_bias: dict[str, Annotated[float, Field(ge=-100, le=100)]] | None = None
    n: Annotated[int, Field(ge=1, le=128)] | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, Field(ge=0)] | None = None
    structured_outputs: Structured | None = None

    @field_validator("stop")
    @classmethod
    def _few(cls, stop: str | list[str] | None) -> str | list[str] | None:
        if isinstance(stop, list) and len(stop) > 4:
            raise ValueError("at most 4 sequences")
        return stop

    @property
    def stops(self) -> tuple[str, ...]:
        """Texts that end an answer; empty ones are none."""
        given = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return tuple(filter(None, given))

    @property
    def tells_usage(self) -> bool:
        """Whether a stream ends with its usage."""
        return self.stream_options is not None and self.stream_options.include_usage


class Function(Wire):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None


class Tool(Wire):
    type: Literal["function"]
    function: Function


class Called(Wire):
    name: str
    arguments: str | dict[str, Any] = ""


class ToolCall(Wire):
    id: str | None = None
    type: Literal["function"] = "function"
    function: Called


class Message(Wire):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[dict[str, Any]] | None = None
    name: str | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None


class Chat(Sampled):
    messages: Annotated[list[Message], Field(min_length=1)]
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    tools: list[Tool] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    response_format: dict[str, Any] | None = None
    store: bool | None = None
    metadata: Metadata | None = None


class Completion(Sampled):
    prompt: str | Ids | list[str] | list[Ids]
    echo: bool | None = None
    logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    suffix: str | None = None
    best_of: int | None = None

    @property
    def prompts(self) -> list[str] | list[list[int]]:
        """The prompts, of which one need not stand in a list."""
        if isinstance(self.prompt, str):
            return [self.prompt]
        if self.prompt and isinstance(self.prompt[0], int):
            return [self.prompt]  # type: ignore[list-item]
        return self.prompt  # type: ignore[return-value]


class Embeddings(Wire):
    model: str | None = None
    input: str | list[str] | Ids | list[Ids]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: Annotated[int, Field(ge=1)] | None = None
    input_type: Literal["query", "document"] = "document"


class Tokenize(Wire):
    model: str | None = None
    prompt: str | None = None
    messages: list[Message] | None = None
    tools: list[Tool] | None = None
    add_special_tokens: bool = True
    return_token_strs: bool = False


class Detokenize(Wire):
    model: str | None = None
    tokens: Ids


class Labels(Wire):
    metadata: Metadata


class Document(Wire):
    text: str


class Reranked(Wire):
    model: str | None = None
    query: str
    documents: Annotated[list[str | Document], Field(max_length=10_000)]
    top_n: Annotated[int, Field(ge=1)] | None = None
    return_documents: bool | None = None

    @property
    def texts(self) -> list[str]:
        return [one if isinstance(one, str) else one.text for one in self.documents]


class Pairs(Wire):
    """Two texts, or lists of them: `text_1` and `text_2`, or `queries` and `documents`."""

    model: str | None = None
    text_1: str | list[str] | None = None
    text_2: str | list[str] | None = None
    queries: str | list[str] | None = None
    documents: str | list[str] | None = None
    use_activation: bool | None = None

    @property
    def sides(self) -> tuple[list[str], list[str]]:
        given = (self.text_1 or self.queries or [], self.text_2 or self.documents or [])
        first, second = ([one] if isinstance(one, str) else one for one in given)
        return first, second


class Classified(Wire):
    model: str | None = None
    input: str | list[str] | None = None
    messages: list[Message] | None = None


class Feedback(Wire):
    """What somebody says of a stored chat: a `label` (good or bad), a `correction`, or that it is `better_than` another
    one (by itself another choice of the same one)."""

    id: str
    index: Annotated[int, Field(ge=0)] = 0
    label: bool | None = None
    correction: Annotated[str, Field(min_length=1)] | None = None
    better_than: str | None = None
    better_than_index: Annotated[int, Field(ge=0)] = 0
    comment: Annotated[str, Field(max_length=10_000)] | None = None
