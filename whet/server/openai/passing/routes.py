"""The paths that are passed to the engine, and no others: what controls an engine is not for who asks a model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from whet.server.event_stream import EventStream
from whet.server.openai.answers import while_heard
from whet.server.openai.passing.service import PassingService
from whet.server.openai.passing.told import (
    Events,
    Spoken,
    data_of,
    failure_of_event,
    finishes_of,
    refusal_of_engine,
    tokens_of,
)
from whet.server.openai.passing.upstream import Reply, Unreachable, asked
from whet.server.openai.refused import Refused, refusal_of
from whet.server.openai.replies import answer, event, named_event
from whet.server.openai.routes import health

router = APIRouter(tags=["passed"])
_PASSED = (
    "/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages", "/v1/messages/count_tokens",
    "/v1/embeddings", "/v1/classify", "/v1/rerank", "/v1/score", "/tokenize", "/detokenize",
)  # fmt: skip
# Of these the usage at the end of a stream is asked for by a member of the request.
_TELLS_USAGE = ("/v1/chat/completions", "/v1/completions")


def _given(request: Request) -> PassingService:
    return request.app.state.service


Given = Annotated[PassingService, Depends(_given)]


@router.get("/ping")
def ping(request: Request, service: Given) -> JSONResponse:
    """The same as `/health`."""
    return health.health(request, service)  # type: ignore[arg-type]


@router.post("/invocations")
async def invocations(request: Request, service: Given) -> Response:
    """What SageMaker asks: the body of a chat, a completion or embeddings."""
    body = await _body(request)
    paths = {"messages": _PASSED[0], "prompt": _PASSED[1], "input": "/v1/embeddings"}
    path = next((path for name, path in paths.items() if name in body), None)
    if path is None:
        raise Refused("`messages`, `prompt` or `input` is needed", code="missing_required_parameter", param="messages")
    return await _passed(path, body, request, service)


async def _pass(request: Request, service: Given) -> Response:
    """What the engine answers to it."""
    return await _passed(request.url.path, await _body(request), request, service)


for _path in _PASSED:
    router.add_api_route(_path, _pass, methods=["POST"], name=_path, operation_id=_path.strip("/").replace("/", "_"))


async def _body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError):
        raise Refused("the body is not JSON", code="invalid_json") from None
    if not isinstance(body, dict):
        raise Refused("the body is no JSON object", code="invalid_type")
    return body


async def _passed(path: str, body: dict[str, Any], request: Request, service: PassingService) -> Response:
    passing = _Passing(path, body, request, service)
    service.begin()
    try:
        if body.get("stream") is True:
            return _Stream(passing, await while_heard(request, passing.begun()))
        told = await while_heard(request, passing.whole())
    except BaseException as error:
        has_gone = isinstance(error, asyncio.CancelledError) or getattr(error, "status", 0) == 499
        passing.end("cancelled" if has_gone else "error")
        raise
    passing.end("")
    return answer(told)


class _Stream(EventStream):
    """A stream that is left also by a client which goes before its first event, when its generator has not begun."""

    def __init__(self, passing: _Passing, reply: Reply) -> None:
        super().__init__(passing.events(reply))
        self._passing, self._reply = passing, reply

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._passing.end(self._passing.ended)
            await self._reply.close()


class _Passing:
    """One request on its way. `end` is to be called once."""

    def __init__(self, path: str, body: dict[str, Any], request: Request, service: PassingService) -> None:
        """Raises Refused for what no engine is asked."""
        self._service, self._path, self._body = service, path, dict(body)
        self._spend: Callable[[int], None] = request.state.caller.spend
        self._owner: str = request.state.caller.name
        model = body.get("model")
        if model is not None and not isinstance(model, str):
            raise Refused("`model` is no name", param="model", code="invalid_type")
        adapter = service.adapter(model)
        self._body["model"] = adapter or service.names[0]
        if adapter is not None and service.engine == "sglang":  # which names adapters beside the model
            self._body |= {"model": service.names[0], "lora_path": adapter}
        self._stores = path == _PASSED[0] and self._body.pop("store", None) is True
        self._metadata = self._body.pop("metadata", None) if path in _TELLS_USAGE else None
        options = body.get("stream_options")
        self._hides_usage = False
        if body.get("stream") is True and path in _TELLS_USAGE and (options is None or isinstance(options, dict)):
            self._hides_usage = not (options or {}).get("include_usage")
            self._body["stream_options"] = {**(options or {}), "include_usage": True}
        self._deadline = asyncio.get_running_loop().time() + service.timeout_s
        self._used = (0, 0)
        self.ended = "cancelled"  # how a stream did
        self._finishes: list[str] = []

    async def begun(self) -> Reply:
        """The answer, when its head is there. Raises Refused for one that is none."""
        supervisor, path = self._service.supervisor, self._service.path(self._path)
        try:
            async with asyncio.timeout_at(self._deadline):
                reply = await asked(supervisor.port, supervisor.key, "POST", path, json.dumps(self._body).encode())
                if reply.status < 300:
                    return reply
                try:
                    raise refusal_of_engine(self._service.engine, reply.status, await reply.whole())
                finally:
                    await reply.close()
        except (Unreachable, TimeoutError) as error:
            raise self._refusal(error) from None

    async def whole(self) -> Any:
        """The whole answer."""
        reply = await self.begun()
        try:
            async with asyncio.timeout_at(self._deadline):
                told = json.loads(await reply.whole())
        except (Unreachable, TimeoutError, ValueError) as error:
            raise self._refusal(error) from None
        finally:
            await reply.close()
        self._see(told)
        if self._stores and isinstance(told, dict):
            self._keep(told)
        return told

    async def events(self, reply: Reply) -> AsyncGenerator[bytes, None]:
        """The events of a stream. One that breaks off is told as an event too: the answer's head has gone out."""
        clock, spoken = self._service.figures.clock(), Spoken()
        has_ended = self._path not in _TELLS_USAGE  # of the others each API says it in its own way
        try:
            async with asyncio.timeout_at(self._deadline), aclosing(self._cut(reply)) as events:
                async for one in events:
                    told = data_of(one)
                    if (refused := failure_of_event(self._service.engine, told)) is not None:
                        raise refused
                    has_ended = has_ended or one.rstrip().endswith(b"[DONE]")
                    self._see(told)
                    if self._stores:
                        spoken.push(told)
                    if told is not None:
                        clock.token()
                    if not (self._hides_usage and isinstance(told, dict) and told.get("choices") == []):
                        yield one
            if not has_ended:
                raise Unreachable("it ended in the middle")
            self.ended = ""
            if self._stores and spoken.head:
                self._keep(spoken.whole())
        except Exception as error:
            self.ended = "error"
            is_away = isinstance(error, (Unreachable, TimeoutError))
            refused = self._refusal(error) if is_away else refusal_of(error)
            yield (event if self._path in _TELLS_USAGE else named_event)(refused.body())

    def end(self, how: str) -> None:
        """Count it; by its choices' own words where `how` is empty."""
        self._service.end()
        read, made = self._used
        self._spend(read + made)
        self._service.figures.used(read, made)
        for word in [how] if how else self._finishes or ["stop"]:
            self._service.figures.end(word)

    async def _cut(self, reply: Reply) -> AsyncGenerator[bytes, None]:
        cut = Events()
        async for part in reply.parts():
            for one in cut.push(part):
                yield one

    def _see(self, told: Any) -> None:
        read, made = tokens_of(told)
        self._used = max(self._used[0], read), max(self._used[1], made)
        self._finishes += finishes_of(told)

    def _keep(self, whole: dict[str, Any]) -> None:
        kept = {**whole, "metadata": self._metadata or {}}
        messages = self._body.get("messages") or []
        self._service.chats.put(self._owner, str(whole.get("id")), {"completion": kept, "messages": messages})

    def _refusal(self, error: BaseException) -> Refused:
        engine = self._service.engine
        if isinstance(error, TimeoutError):
            said = f"there was no whole answer after {self._service.timeout_s:g} s"
            return Refused(said, status=408, code="timeout", is_worth_trying=False)
        said = f"{engine} broke off, and is started again if it has ended"
        return Refused(said, status=503, code="overloaded", wait_s=5.0)
