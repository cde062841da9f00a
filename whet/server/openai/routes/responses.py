"""`/v1/responses`: answers as items, whole or as events, that later requests may go on from."""

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
from whet.server.openai.kept import page_of
from whet.server.openai.refused import Refused, refusal_of
from whet.server.openai.replies import answer, chat_logprobs, named_events
from whet.server.openai.response_bodies import Growing, call_events, call_item, ended, failed, new_id, new_response
from whet.server.openai.responses_wire import Item, Responses, chat_of
from whet.server.openai.service import Asker, Given, Service

router = APIRouter(tags=["responses"])
# A conversation whose turns are looked up one after the other.
_MOST_TURNS = 1000


@router.post("/v1/responses")
async def responses(body: Responses, request: Request, service: Given, owner: Asker) -> Response:
    """The model's answer to the input, behind that of `previous_response_id` where it is given."""
    asked = await run_in_threadpool(_asked, service, owner, body)
    answers = begun(service, asked, request)
    reply = _Reply(service, body, asked, answers, owner)
    if body.stream:
        return EventStream(named_events(reply.events(), answers.cancel))
    return answer(await while_heard(request, reply.whole()))


@router.post("/v1/responses/input_tokens")
def input_tokens(body: Responses, service: Given, owner: Asker) -> dict[str, Any]:
    """How many tokens the input is."""
    [ids] = _asked(service, owner, body).prompts
    return {"object": "response.input_tokens", "input_tokens": len(ids)}


@router.get("/v1/responses/{id}")
def stored(id: str, service: Given, owner: Asker, stream: bool = False) -> Response:
    """A response that was stored."""
    if stream:
        raise Refused("what has ended is not streamed again", param="stream", code="unsupported_parameter")
    return answer(service.responses.get(owner, id)["response"])


@router.get("/v1/responses/{id}/input_items")
def input_items(
    id: str, service: Given, owner: Asker, after: str | None = None, limit: int = 20, order: str = "desc"
) -> Response:
    """The input of a response that was stored."""
    return answer(page_of(service.responses.get(owner, id)["input"], after, limit, order))


@router.delete("/v1/responses/{id}")
def drop(id: str, service: Given, owner: Asker) -> dict[str, Any]:
    """Forget a response."""
    service.responses.drop(owner, id)
    return {"id": id, "object": "response", "deleted": True}


@router.post("/v1/responses/{id}/cancel")
def cancel(id: str, service: Given, owner: Asker) -> None:
    """Only responses in the background can be cancelled, and there are none."""
    service.responses.get(owner, id)
    raise Refused("only a response that is made in the background can be cancelled", code="invalid_value")


def _asked(service: Service, owner: str, body: Responses) -> Asked:
    return chat_asked(service, chat_of(body, _before(service, owner, body.previous_response_id)), "input")


def _before(service: Service, owner: str, id: str | None) -> list[Item]:
    """The items of the conversation that a response ended, oldest first."""
    turns: list[list[Item]] = []
    while id is not None and len(turns) < _MOST_TURNS:
        kept = service.responses.get(owner, id, "previous_response_id")
        turns.append([*kept["input"], *kept["response"]["output"]])
        id = kept["response"]["previous_response_id"]
    return [item for turn in reversed(turns) for item in turn]


class _Reply:
    """One request and its answer."""

    def __init__(self, service: Service, body: Responses, asked: Asked, answers: Answers, owner: str) -> None:
        self._service, self._body, self._answers, self._owner = service, body, answers, owner
        self._stops = service.engine.stops
        [self._hearing] = hearings(asked, self._stops, service.tokenizer)
        self._response = new_response(new_id("resp"), body, body.model or service.names[0])

    async def whole(self) -> dict[str, Any]:
        """The response."""
        last: dict[str, Any] = {}
        async for event in self._events():
            last = event
        return last["response"]

    async def events(self) -> AsyncGenerator[dict[str, Any], None]:
        """What the response begins with, its items as they come, and what it came to. All are numbered."""
        number = 0
        try:
            async for event in self._events():
                yield {**event, "sequence_number": number}
                number += 1
        except Exception as error:  # the answer's head has gone out
            refused = refusal_of(error)
            code = "rate_limit_exceeded" if refused.status == 429 else "server_error"
            response = failed(self._response, refused.message, code)
            yield {"type": "response.failed", "response": response, "sequence_number": number}

    async def _events(self) -> AsyncGenerator[dict[str, Any], None]:
        for kind in ("response.created", "response.in_progress"):
            yield {"type": kind, "response": self._response}
        message, calls = Growing(), list[Any]()
        async for _, piece in self._answers.pieces():
            text, calls = self._heard(piece)
            logprobs = self._logprobs(piece)
            if text or logprobs:
                for event in message.push(text, logprobs):
                    yield event
        [handle] = self._answers.handles
        status = "incomplete" if handle.completion is not None and handle.completion.finish == "length" else "completed"
        for event in message.end(status):
            yield event
        output = message.items(status)
        for call in calls:
            item = call_item(call)
            for event in call_events(item, len(output)):
                yield event
            output.append(item)
        response = ended(self._response, output, handle)
        self._keep(response)
        yield {"type": f"response.{response['status']}", "response": response}

    def _heard(self, piece: Piece) -> tuple[str, list[Any]]:
        """What a piece adds to the text, and the calls, which come with the last one."""
        if self._hearing is None:
            return piece.text, []
        text = self._hearing.push(piece.text)
        if piece.finish is None:
            return text, []
        rest, calls = self._hearing.end(self._answers.handles[0])
        return text + rest, calls

    def _logprobs(self, piece: Piece) -> list[Any]:
        if not self._body.tells_logprobs or piece.token is None or piece.token.id in self._stops:
            return []
        return chat_logprobs(self._service.texts, [piece.token])["content"]

    def _keep(self, response: dict[str, Any]) -> None:
        if self._body.store is not False:
            items = [{"id": new_id("msg"), "type": "message", **item} for item in self._body.items]
            self._service.responses.put(self._owner, response["id"], {"response": response, "input": items})
