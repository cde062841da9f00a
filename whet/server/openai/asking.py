"""From what a client asks to what the engine is asked: settings, prompts, and what fits."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from whet.base.errors import ModelError
from whet.generate.protocol import GenerateSettings
from whet.generate.serving.logits_processors import biased, penalised
from whet.generate.serving.request import Limits, Request
from whet.generate.tool_calls import Exchange
from whet.server.openai.fitting import check_length, fitting
from whet.server.openai.forms import form_of, structured_form
from whet.server.openai.refused import Refused
from whet.server.openai.service import Service, readable
from whet.server.openai.wire import Chat, Completion, Message, Sampled, Tool

if TYPE_CHECKING:
    from whet.generate.serving.request import LogitsProcessor

# What OpenAI's completions give where nothing is said.
_COMPLETION_TOKENS = 16


@dataclass(frozen=True, slots=True)
class Asked:
    """Requests to the engine, `n` for each prompt one after the other, and how their answers are read. A chat has
    `messages`."""

    requests: list[Request]
    prompts: list[list[int]]
    n: int
    exchange: Exchange | None = None
    most_calls: int | None = None
    messages: Sequence[Mapping[str, Any]] = ()


def chat_asked(service: Service, body: Chat, place: str = "messages") -> Asked:
    """What a chat asks for. Raises Refused for what cannot be done; the prompt is at fault at `place`."""
    adapter, engine = service.adapter(body.model), service.engine
    exchange = _exchange(service, body)
    grammar = _call(service, body, exchange) or form_of(service, body)
    ids = prompt_of(service, exchange, body.messages, place)
    most = body.max_tokens if body.max_completion_tokens is None else body.max_completion_tokens
    room = fitting(ids, most, engine.longest, place)
    told = int(body.top_logprobs or 0)
    if told and not body.logprobs:
        raise Refused("`top_logprobs` needs `logprobs: true`", param="top_logprobs", code="invalid_value")
    settings = settings_of(service, body, room, logprobs=bool(body.logprobs), top_logprobs=told)
    requests = _requests(service, body, [ids], settings, adapter, grammar=grammar)
    most_calls, messages = (1 if body.parallel_tool_calls is False else None), messages_of(body.messages)
    return Asked(requests, [ids], body.n or 1, exchange, most_calls, messages)


def completion_asked(service: Service, body: Completion) -> Asked:
    """What a completion asks for: of text, or of token ids as they are. Raises Refused for what cannot be done."""
    adapter, engine = service.adapter(body.model), service.engine
    if body.suffix:
        raise Refused("a `suffix` cannot be taken into account", param="suffix", code="unsupported_parameter")
    if body.best_of not in (None, 1, body.n):
        raise Refused("`best_of` cannot be more than `n`", param="best_of", code="unsupported_parameter")
    with readable("prompt"):
        check_length(service, [one for one in body.prompts if isinstance(one, str)], "prompt")
        prompts = [
            service.text_ids(one) if isinstance(one, str) else service.checked(one, "prompt") for one in body.prompts
        ]
    if not prompts or not all(prompts):
        raise Refused("an empty prompt gives the model nothing to continue", param="prompt", code="invalid_value")
    most = _COMPLETION_TOKENS if body.max_tokens is None else body.max_tokens
    room = min(fitting(ids, most, engine.longest, "prompt") for ids in prompts)
    told = body.logprobs is not None
    settings = settings_of(service, body, max(room, 1), logprobs=told, top_logprobs=body.logprobs or 0)
    requests = _requests(
        service, body, prompts, settings, adapter, tells_prompt=bool(body.echo and told),
        grammar=structured_form(service, body.structured_outputs),
    )  # fmt: skip
    return Asked(requests, prompts, body.n or 1)


def prompt_of(service: Service, exchange: Exchange | None, given: Sequence[Message], place: str) -> list[int]:
    """Tokens of a conversation, as the model reads it. Raises Refused for one that is far too long."""
    with readable(place):
        text = _prompt_text(service, exchange, given)
        check_length(service, [text], place)
        return service.tokenizer.encode(text, add_special_tokens=False)


def _prompt_text(service: Service, exchange: Exchange | None, given: Sequence[Message]) -> str:
    messages = messages_of(given)
    return service.chat_text(messages) if exchange is None else exchange.prompt_text(messages)


def messages_of(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Messages as templates know them: text in one piece, arguments of calls as objects."""
    return [_message(message, number) for number, message in enumerate(messages)]


def settings_of(
    service: Service, body: Sampled, room: int, *, logprobs: bool = False, top_logprobs: int = 0
) -> GenerateSettings:
    """How tokens are chosen: as asked, else as the model's authors recommend, else as OpenAI does."""
    named = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty")
    values: dict[str, Any] = {"temperature": 1.0, **service.manners}
    values |= {name: given for name in named if (given := getattr(body, name)) is not None}
    if values.get("top_p") == 0:
        values |= {"temperature": 0.0, "top_p": 1.0}
    values["top_k"] = max(values.get("top_k", 0), 0)
    seed = int.from_bytes(os.urandom(6)) if body.seed is None else body.seed
    return GenerateSettings(
        max_new_tokens=room, stop=body.stops, seed=seed, logprobs=logprobs, top_logprobs=top_logprobs, **values
    )


def _requests(
    service: Service, body: Sampled, prompts: Sequence[Sequence[int]], settings: GenerateSettings, adapter: str | None,
    *, tells_prompt: bool = False, grammar: str | None = None,
) -> list[Request]:  # fmt: skip
    processors: list[LogitsProcessor] = []
    if body.logit_bias:
        processors.append(biased(_bias(service, body.logit_bias)))
    if body.frequency_penalty or body.presence_penalty:
        processors.append(penalised(body.frequency_penalty or 0.0, body.presence_penalty or 0.0))
    n = body.n or 1
    _few(len(prompts) * n, service.engine.limits)
    return [
        Request(
            ids=ids, settings=settings, number=place * n + i, adapter=adapter, tells_prompt=tells_prompt,
            processors=(*processors, *([service.grammars.processor(grammar)] if grammar is not None else [])),
        )
        for place, ids in enumerate(prompts)
        for i in range(n)
    ]  # fmt: skip


def _few(asked: int, limits: Limits) -> None:
    """Raises Refused for more answers than are ever made and waited for at once: no time would come for them."""
    most = limits.sequences + limits.waiting
    if asked > most:
        said = f"{asked:,} answers are asked for at once (prompts times `n`), and this server takes {most:,}"
        raise Refused(said, param="prompt", code="invalid_value")


def _bias(service: Service, given: Mapping[str, float]) -> dict[int, float]:
    wrong = next((name for name in given if not (name.isascii() and name.isdigit() and len(name) < 20)), None)
    if wrong is not None:
        raise Refused(f"`{wrong[:20]}` is no token id", param="logit_bias", code="invalid_value")
    ids = service.checked([int(name) for name in given], "logit_bias")
    return dict(zip(ids, given.values(), strict=True))


def _exchange(service: Service, body: Chat) -> Exchange | None:
    """What reads the answer's calls, where it may have any."""
    return None if body.tool_choice == "none" else exchange_of(service, body.tools)


def exchange_of(service: Service, tools: Sequence[Tool] | None) -> Exchange | None:
    """What shows the model these tools and reads its calls; None without tools. Raises Refused where it cannot."""
    return service.exchange(json.dumps([tool.model_dump(exclude_none=True) for tool in tools])) if tools else None


def _call(service: Service, body: Chat, exchange: Exchange | None) -> str | None:
    """The form of the call that is demanded; None where none is. Raises Refused where it cannot be promised."""
    choice, place = body.tool_choice, "tool_choice"
    if choice in (None, "auto", "none"):
        return None
    offered = {tool.function.name: tool.function.parameters for tool in body.tools or []}
    if choice != "required":
        function = choice.get("function") if isinstance(choice, dict) else None
        name = function.get("name") if isinstance(function, dict) else None
        offered = {one: given for one, given in offered.items() if one == name}
    if not offered or exchange is None:
        said = f"there is no such tool among `tools`: {json.dumps(choice)}"
        raise Refused(said, param=place, code="invalid_value")
    if exchange.around is None:
        said = f"calls as this model writes them ({exchange.form}) cannot be demanded: `auto` or `none`"
        raise Refused(said, param=place, code="unsupported_parameter")
    try:
        return service.grammars.call(exchange.around, offered)
    except ModelError as error:
        raise Refused(error.message, param="tools", code="invalid_value") from None


def _message(message: Message, number: int) -> dict[str, Any]:
    role = "system" if message.role == "developer" else message.role
    made: dict[str, Any] = {"role": role, "content": _content(message.content, number)}
    if message.tool_calls:
        made["tool_calls"] = [
            {
                "id": call.id or f"call{i:05d}", "type": "function",
                "function": {"name": call.function.name, "arguments": _arguments(call.function.arguments)},
            }
            for i, call in enumerate(message.tool_calls)
        ]  # fmt: skip
    for name in ("name", "tool_call_id"):
        if (value := getattr(message, name)) is not None:
            made[name] = value
    return made


def _content(content: str | list[dict[str, Any]] | None, number: int) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    for place, part in enumerate(content):
        if part.get("type") not in ("text", "refusal") or not isinstance(part.get(part["type"]), str):
            raise Refused(
                f"this model reads text alone, and no part of the type {part.get('type')!r}",
                param=f"messages[{number}].content[{place}]", code="unsupported_value",
            )  # fmt: skip
    return "".join(part[part["type"]] for part in content)


def _arguments(given: str | dict[str, Any]) -> Any:
    if not isinstance(given, str):
        return given
    try:
        return json.loads(given) if given.strip() else {}
    except (ValueError, RecursionError):
        return given
