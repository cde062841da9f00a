"""`/api/chat`, `/api/generate`, `/api/tags` and what else Ollama's clients ask for, a line of JSON a piece."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from whet.server.event_stream import EventStream
from whet.server.openai.answers import Answers, begun, while_heard
from whet.server.openai.asking import Asked, chat_asked, completion_asked
from whet.server.openai.calls import hearings
from whet.server.openai.fitting import check_length
from whet.server.openai.ollama_wire import (
    OllamaChat,
    OllamaEmbed,
    OllamaText,
    Shown,
    chat_of,
    completion_of,
    talk_of,
)  # fmt: skip
from whet.server.openai.refused import OLLAMA, OLLAMA_REFUSALS, Refused, refusal_of
from whet.server.openai.replies import answer, written
from whet.server.openai.routes.embeddings import embedded
from whet.server.openai.service import Given, Service, readable
from whet.server.openai.wire import Embeddings


class _Named(APIRoute):
    """A route whose body is JSON whatever it is called: LiteLLM does not name it, and curl calls it a form. Forms
    of other sites are kept out by their Origin."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def named(request: Request) -> Response:
            others = [one for one in request.scope["headers"] if one[0] != b"content-type"]
            headers = [*others, (b"content-type", b"application/json")]
            return await handle(Request({**request.scope, "headers": headers}, request.receive))

        return named


router = APIRouter(tags=["ollama"], route_class=_Named, responses=OLLAMA_REFUSALS)
# Clients ask for it to know what they may ask for.
_VERSION = "0.9.0"


class Lines(EventStream):
    """JSON objects, one a line."""

    media_type = "application/x-ndjson"


@router.post("/api/chat")
async def chat(body: OllamaChat, request: Request, service: Given) -> Response:
    """The model's turn after the messages, streamed where nothing else is said."""
    if not body.messages:
        return _loaded(service, body, {"message": {"role": "assistant", "content": ""}})
    asked = await run_in_threadpool(lambda: chat_asked(service, chat_of(body)))
    return await _answered(_Told(service, body.model, asked, begun(service, asked, request), "message"), request, body)


@router.post("/api/generate")
async def generate(body: OllamaText, request: Request, service: Given) -> Response:
    """What comes after a prompt: as a user's message where the model has a template, or as it is with `raw`."""
    if not body.prompt:
        return _loaded(service, body, {"response": ""})
    asked = await run_in_threadpool(_text_asked, service, body)
    return await _answered(_Told(service, body.model, asked, begun(service, asked, request), "response"), request, body)


@router.post("/api/embed")
@router.post("/api/embeddings")
async def embed(body: OllamaEmbed, request: Request, service: Given) -> Response:
    """Embeddings of `input`, or one of `prompt`, as it was asked for formerly."""
    given = body.prompt if body.input is None else body.input
    if given is None:
        raise Refused("`input` is missing", param="input", code="missing_required_parameter")
    began = time.perf_counter_ns()
    asked = Embeddings(model=body.name, input=given, dimensions=body.dimensions)
    found = await run_in_threadpool(embedded, service, asked)
    count = found["usage"]["prompt_tokens"]
    request.state.caller.spend(count)
    vectors = [one["embedding"] for one in found["data"]]
    if body.input is None:
        return answer({"embedding": vectors[0]})
    took = time.perf_counter_ns() - began
    return answer(
        {
            "model": body.model, "embeddings": vectors, "total_duration": took, "load_duration": 0,
            "prompt_eval_count": count,
        }
    )  # fmt: skip


@router.get("/api/tags")
@router.get("/api/ps")
def tags(service: Given) -> dict[str, Any]:
    """The model and its adapters, all of them in memory."""
    return {"models": [_tag(service, name) for name in (*service.names, *service.adapters)]}


@router.post("/api/show")
def show(body: Shown, service: Given) -> dict[str, Any]:
    """What a model is."""
    service.adapter(body.model.removesuffix(":latest"))
    does = "embedding" if service.embedding is not None else "completion"
    info = {"general.architecture": service.family, f"{service.family}.context_length": service.context}
    return _tag(service, body.model) | {
        "template": service.tokenizer.chat_template or "", "parameters": "", "license": "", "modelfile": "",
        "model_info": info, "capabilities": [does],
    }  # fmt: skip


@router.get("/api/version")
def version() -> dict[str, str]:
    """The version of Ollama whose requests are understood."""
    return {"version": _VERSION}


def _loaded(service: Service, body: OllamaChat | OllamaText, said: dict[str, Any]) -> Response:
    """What clients ask for with nothing to answer, before the first question: that the model is in memory."""
    service.adapter(body.name)
    return answer({"model": body.model, "created_at": _now(), **said, "done": True, "done_reason": "load"})


def _text_asked(service: Service, body: OllamaText) -> Asked:
    if body.raw or not service.tokenizer.chat_template:
        with readable("prompt"):
            check_length(service, [body.prompt], "prompt")
            room = service.engine.longest - len(service.text_ids(body.prompt))
        return completion_asked(service, completion_of(body, max(room, 1)))
    return chat_asked(service, talk_of(body), "prompt")


async def _answered(told: _Told, request: Request, body: OllamaChat | OllamaText) -> Response:
    if body.stream is False:
        return answer(await while_heard(request, told.whole()))
    return Lines(_lines(told))


async def _lines(told: _Told) -> AsyncGenerator[bytes, None]:
    try:
        async with aclosing(told.parts()) as parts:
            async for part in parts:
                yield written(part) + b"\n"
    except Exception as error:  # the answer's head has gone out
        yield written(refusal_of(error).body(OLLAMA)) + b"\n"
    finally:
        told.answers.cancel()


class _Told:
    """One answer, whose text stands in a `message` or is the `response`."""

    def __init__(self, service: Service, model: str, asked: Asked, answers: Answers, kind: str) -> None:
        self.answers, self._model, self._kind = answers, model, kind
        [self._hearing] = hearings(asked, service.engine.stops, service.tokenizer)
        self._began = time.perf_counter_ns()

    async def whole(self) -> dict[str, Any]:
        """The answer in one piece."""
        texts, calls, last = list[str](), list[Any](), dict[str, Any]()
        async for part in self.parts():
            said = part[self._kind] if self._kind == "response" else part["message"]["content"]
            texts.append(said)
            calls += part["message"].get("tool_calls", []) if self._kind == "message" else []
            last = part
        return {**last, **self._said("".join(texts), calls)}

    async def parts(self) -> AsyncGenerator[dict[str, Any], None]:
        """The text as it comes, and at last counts and times in nanoseconds."""
        first = 0
        async for _, piece in self.answers.pieces():
            first = first or time.perf_counter_ns()
            text, calls = piece.text, list[Any]()
            if self._hearing is not None:
                text = self._hearing.push(text)
                if piece.finish is not None:
                    rest, found = self._hearing.end(self.answers.handles[0])
                    text, calls = text + rest, [_call(one) for one in found]
            if text or calls:
                yield self._head(False) | self._said(text, calls)
        yield self._head(True) | self._said("", []) | self._figures(first)

    def _head(self, is_done: bool) -> dict[str, Any]:
        return {"model": self._model, "created_at": _now(), "done": is_done}

    def _said(self, text: str, calls: list[Any]) -> dict[str, Any]:
        if self._kind == "response":
            return {"response": text}
        return {"message": {"role": "assistant", "content": text, **({"tool_calls": calls} if calls else {})}}

    def _figures(self, first: int) -> dict[str, Any]:
        [handle], now = self.answers.handles, time.perf_counter_ns()
        completion = handle.completion
        assert completion is not None
        return {
            "done_reason": completion.finish, "total_duration": now - self._began, "load_duration": 0,
            "prompt_eval_count": len(handle.request.ids), "prompt_eval_duration": first - self._began,
            "eval_count": len(completion.tokens), "eval_duration": now - first,
        }  # fmt: skip


def _call(call: dict[str, Any]) -> dict[str, Any]:
    function = call["function"]
    return {"function": {"name": function["name"], "arguments": json.loads(function["arguments"])}}


def _tag(service: Service, name: str) -> dict[str, Any]:
    details = {
        "parent_model": "", "format": "safetensors", "family": service.family, "families": [service.family],
        "parameter_size": service.size, "quantization_level": "",
    }  # fmt: skip
    modified = datetime.fromtimestamp(service.created, UTC).isoformat()
    return {"name": name, "model": name, "modified_at": modified, "size": 0, "digest": "", "details": details}


def _now() -> str:
    return datetime.now(UTC).isoformat()
