"""`/v1/messages`: conversations as Anthropic's clients have them, whole or as they come."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncGenerator
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from whet.generate.serving.request import Handle
from whet.server.event_stream import EventStream
from whet.server.openai.answers import Answers, begun, while_heard
from whet.server.openai.asking import Asked, chat_asked
from whet.server.openai.calls import hearings
from whet.server.openai.messages_wire import Counted, Messages, chat_of
from whet.server.openai.replies import answer, named_events
from whet.server.openai.service import Given, Service

router = APIRouter(tags=["messages"])


@router.post("/v1/messages")
async def messages(body: Messages, request: Request, service: Given) -> Response:
    """The model's turn after the messages."""
    asked = await run_in_threadpool(_asked, service, body)
    answers = begun(service, asked, request)
    turn = _Turn(service, body, asked, answers)
    if body.stream:
        return EventStream(named_events(turn.events(), answers.cancel))
    return answer(await while_heard(request, turn.whole()))


@router.post("/v1/messages/count_tokens")
def count_tokens(body: Counted, service: Given) -> dict[str, Any]:
    """How many tokens the messages are."""
    return {"input_tokens": len(_asked(service, body).prompts[0])}


def _asked(service: Service, body: Messages) -> Asked:
    return chat_asked(service, chat_of(body))


class _Turn:
    """One request and its answer."""

    def __init__(self, service: Service, body: Messages, asked: Asked, answers: Answers) -> None:
        self._service, self._body, self._asked, self._answers = service, body, asked, answers
        [self._hearing] = hearings(asked, service.engine.stops, service.tokenizer)
        self._id = f"msg_{secrets.token_hex(12)}"

    @property
    def _handle(self) -> Handle:
        return self._answers.handles[0]

    async def whole(self) -> dict[str, Any]:
        """The message."""
        [text], calls = await self._answers.whole(), list[Any]()
        if self._hearing is not None:
            text, calls = self._hearing.whole(self._handle)
        content: list[dict[str, Any]] = [{"type": "text", "text": text}] if text or not calls else []
        content += [_used(call, json.loads(call["function"]["arguments"])) for call in calls]
        return self._message(content, self._num_generated) | self._reason(bool(calls))

    async def events(self) -> AsyncGenerator[dict[str, Any], None]:
        """The message's beginning, its blocks as they come, why it ended."""
        yield {"type": "message_start", "message": self._message([], 0)}
        yield _begun(0, {"type": "text", "text": ""})
        calls: list[Any] = []
        async for _, piece in self._answers.pieces():
            text = piece.text if self._hearing is None else self._hearing.push(piece.text)
            if piece.finish is not None and self._hearing is not None:
                rest, calls = self._hearing.end(self._handle)
                text += rest
            if text:
                yield _more(0, {"type": "text_delta", "text": text})
        yield {"type": "content_block_stop", "index": 0}
        for number, call in enumerate(calls, 1):
            yield _begun(number, _used(call, {}))
            yield _more(number, {"type": "input_json_delta", "partial_json": call["function"]["arguments"]})
            yield {"type": "content_block_stop", "index": number}
        reason = self._reason(bool(calls))
        yield {"type": "message_delta", "delta": reason, "usage": {"output_tokens": self._num_generated}}
        yield {"type": "message_stop"}

    @property
    def _num_generated(self) -> int:
        return len(self._handle.completion.tokens) if self._handle.completion is not None else 0

    def _reason(self, has_calls: bool) -> dict[str, Any]:
        """Why it ended, and the text that ended it."""
        completion = self._handle.completion
        assert completion is not None
        if has_calls:
            return {"stop_reason": "tool_use", "stop_sequence": None}
        if completion.stop is not None:
            return {"stop_reason": "stop_sequence", "stop_sequence": completion.stop}
        return {"stop_reason": "max_tokens" if completion.finish == "length" else "end_turn", "stop_sequence": None}

    def _message(self, content: list[dict[str, Any]], num_generated: int) -> dict[str, Any]:
        used = {
            "input_tokens": len(self._asked.prompts[0]), "output_tokens": num_generated,
            "cache_read_input_tokens": self._handle.num_cached,
        }  # fmt: skip
        return {
            "id": self._id, "type": "message", "role": "assistant",
            "model": self._body.model or self._service.names[0], "content": content, "stop_reason": None,
            "stop_sequence": None, "usage": used,
        }  # fmt: skip


def _used(call: dict[str, Any], given: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call["id"], "name": call["function"]["name"], "input": given}


def _begun(number: int, block: dict[str, Any]) -> dict[str, Any]:
    return {"type": "content_block_start", "index": number, "content_block": block}


def _more(number: int, delta: dict[str, Any]) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": number, "delta": delta}
