"""`/v1/completions`: texts or token ids gone on with, and the log-probabilities of prompts themselves."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from whet.generate.protocol import Piece, Token
from whet.server.event_stream import EventStream
from whet.server.openai.answers import Answers, begun, while_heard
from whet.server.openai.asking import Asked, completion_asked
from whet.server.openai.replies import answer, completion_logprobs, events, head, usage
from whet.server.openai.service import Given, Service
from whet.server.openai.wire import Completion

router = APIRouter(tags=["completions"])


@router.post("/v1/completions")
async def completions(body: Completion, request: Request, service: Given) -> Response:
    """What comes after each prompt; with `echo` the prompt itself before it, told with its log-probabilities."""
    asked = await run_in_threadpool(completion_asked, service, body)
    answers = begun(service, asked, request)
    texts = _Texts(service, body, asked, answers)
    if body.stream:
        return EventStream(events(texts.chunks(), answers.cancel))
    return answer(await while_heard(request, texts.whole()))


class _Texts:
    """One request and its answers. With `max_tokens: 0` the one token that was made is not told."""

    def __init__(self, service: Service, body: Completion, asked: Asked, answers: Answers) -> None:
        self._service, self._body, self._asked, self._answers = service, body, asked, answers
        self._model, self._is_empty = body.model or service.names[0], body.max_tokens == 0
        self._offsets = [0] * len(asked.requests)  # letters of each answer whose tokens have been told

    async def whole(self) -> dict[str, Any]:
        """All choices."""
        texts = await self._answers.whole()
        choices = [self._choice(place, text) for place, text in enumerate(texts)]
        return head("text_completion", "cmpl", self._model) | {"choices": choices, "usage": self._usage()}

    async def chunks(self) -> AsyncGenerator[dict[str, Any], None]:
        """Text as it comes, then the usage."""
        own = head("text_completion", "cmpl", self._model) | ({"usage": None} if self._body.tells_usage else {})
        has_begun: set[int] = set()
        async for place, piece in self._answers.pieces():
            if self._body.echo and place not in has_begun:
                prompt = self._answers.handles[place].prompt
                yield own | {"choices": [_choice(place, self._prompt(place), self._told(place, prompt))]}
            has_begun.add(place)
            if (choice := self._part(place, piece)) is not None:
                yield own | {"choices": [choice]}
        if self._body.tells_usage:
            yield own | {"choices": [], "usage": self._usage()}

    def _choice(self, place: int, text: str) -> dict[str, Any]:
        handle = self._answers.handles[place]
        completion = handle.completion
        assert completion is not None
        text, tokens = ("", ()) if self._is_empty else (text, completion.tokens)
        told = self._told(place, (*handle.prompt, *tokens))
        before = self._prompt(place) if self._body.echo else ""
        return _choice(place, before + text, told, completion.finish)

    def _part(self, place: int, piece: Piece) -> dict[str, Any] | None:
        if piece.token is None or self._is_empty:
            return _choice(place, "", None, piece.finish)
        told = self._told(place, (piece.token,))
        if not piece.text and told is None and piece.finish is None:
            return None
        return _choice(place, piece.text, told, piece.finish)

    def _told(self, place: int, tokens: tuple[Token, ...]) -> dict[str, Any] | None:
        """What is known of the next tokens of an answer, where it was asked for."""
        asked = self._body.logprobs
        if asked is None:
            return None
        told = completion_logprobs(self._service.texts, tokens, asked, self._offsets[place])
        self._offsets[place] += sum(map(len, told["tokens"]))
        return told

    def _prompt(self, place: int) -> str:
        """The prompt as it was given; that of token ids as they are read."""
        number = place // self._asked.n
        given = self._body.prompts[number]
        return given if isinstance(given, str) else self._service.tokenizer.decode(given)

    def _usage(self) -> dict[str, Any]:
        return usage(self._answers.handles, self._asked.n, generated=0 if self._is_empty else None)


def _choice(place: int, text: str, logprobs: Any, finish: str | None = None) -> dict[str, Any]:
    return {"text": text, "index": place, "logprobs": logprobs, "finish_reason": finish}
