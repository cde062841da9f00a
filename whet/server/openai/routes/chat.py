"""`/v1/chat/completions`: answers to conversations, whole or as they come."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from whet.generate.protocol import Piece
from whet.server.event_stream import EventStream
from whet.server.openai.answers import Answers, begun, while_heard
from whet.server.openai.asking import Asked, chat_asked
from whet.server.openai.calls import hearings
from whet.server.openai.replies import answer, chat_logprobs, events, head, usage
from whet.server.openai.service import Asker, Given, Service
from whet.server.openai.wire import Chat

router = APIRouter(tags=["chat"])


@router.post("/v1/chat/completions")
async def chat(body: Chat, request: Request, service: Given, owner: Asker) -> Response:
    """The model's turns after the messages."""
    asked = await run_in_threadpool(chat_asked, service, body)
    answers = begun(service, asked, request)
    talk = _Talk(service, body, asked, answers, owner)
    if body.stream:
        return EventStream(events(talk.chunks(), answers.cancel))
    return answer(await while_heard(request, talk.whole()))


class _Talk:
    """One request and its answers."""

    def __init__(self, service: Service, body: Chat, asked: Asked, answers: Answers, owner: str) -> None:
        self._service, self._body, self._answers, self._n, self._owner = service, body, answers, asked.n, owner
        self._model = body.model or service.names[0]
        self._stops = service.engine.stops
        self._head = head("chat.completion", "chatcmpl", self._model)
        answers.called(self._head["id"])
        self._hearings = hearings(asked, self._stops, service.tokenizer)

    async def whole(self) -> dict[str, Any]:
        """All choices."""
        await self._answers.whole()
        return self._kept(self._head)

    async def chunks(self) -> AsyncGenerator[dict[str, Any], None]:
        """The role of each choice, its text as it comes, its calls, and why it ended; then the usage."""
        own = self._head | {"object": "chat.completion.chunk", "system_fingerprint": None}
        own |= {"usage": None} if self._body.tells_usage else {}
        for place in range(self._n):
            yield own | {"choices": [_delta(place, {"role": "assistant", "content": ""})]}
        async for place, piece in self._answers.pieces():
            for choice in self._told(place, piece):
                yield own | {"choices": [choice]}
        if self._body.store:
            self._kept(own | {"object": "chat.completion"})
        if self._body.tells_usage:
            yield own | {"choices": [], "usage": usage(self._answers.handles, self._n)}

    def _kept(self, own: dict[str, Any]) -> dict[str, Any]:
        """The whole answer, which is stored where that was asked for."""
        choices = [self._choice(place) for place in range(self._n)]
        told = {"choices": choices, "usage": usage(self._answers.handles, self._n), "system_fingerprint": None}
        if not self._body.store:
            return own | told
        whole = own | told | {"metadata": self._body.metadata or {}}
        messages = [message.model_dump(exclude_none=True) for message in self._body.messages]
        self._service.chats.put(self._owner, whole["id"], {"completion": whole, "messages": messages})
        return whole

    def _choice(self, place: int) -> dict[str, Any]:
        handle, hearing, calls = self._answers.handles[place], self._hearings[place], list[Any]()
        completion = handle.completion
        assert completion is not None
        text = completion.text
        if hearing is not None:
            text, calls = hearing.whole(handle)
        message: dict[str, Any] = {"role": "assistant", "content": text or (None if calls else ""), "refusal": None}
        message |= {"tool_calls": calls} if calls else {}
        tokens = [token for token in completion.tokens if token.id not in self._stops]
        logprobs = chat_logprobs(self._service.texts, tokens) if self._body.logprobs else None
        finish = "tool_calls" if calls else completion.finish
        return {"index": place, "message": message, "logprobs": logprobs, "finish_reason": finish}

    def _told(self, place: int, piece: Piece) -> list[dict[str, Any]]:
        """What a piece comes to on the wire."""
        hearing, text, calls = self._hearings[place], piece.text, list[Any]()
        if hearing is not None:
            text = hearing.push(text)
            if piece.finish is not None:
                rest, calls = hearing.end(self._answers.handles[place])
                text += rest
        logprobs = None
        if self._body.logprobs and piece.token is not None and piece.token.id not in self._stops:
            logprobs = chat_logprobs(self._service.texts, [piece.token])
        found = [_delta(place, {"content": text}, logprobs)] if text or logprobs else []
        for number, call in enumerate(calls):
            found += _called(place, number, call)
        if piece.finish is not None:
            found.append(_delta(place, {}, finish="tool_calls" if calls else piece.finish))
        return found


def _called(place: int, number: int, call: dict[str, Any]) -> list[dict[str, Any]]:
    """A call as it streams: its name first, then its arguments."""
    function = call["function"]
    begun = {**call, "index": number, "function": {"name": function["name"], "arguments": ""}}
    rest = {"index": number, "function": {"arguments": function["arguments"]}}
    return [_delta(place, {"tool_calls": [part]}) for part in (begun, rest)]


def _delta(place: int, delta: dict[str, Any], logprobs: Any = None, finish: str | None = None) -> dict[str, Any]:
    return {"index": place, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
