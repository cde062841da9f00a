"""Answers as they come: from the engine's thread into the loop of a request, which may be left at any time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar, cast

from fastapi import Request as HttpRequest

from whet.generate.protocol import Piece
from whet.generate.serving.engine import ServingEngine
from whet.generate.serving.request import Handle, Request, Told
from whet.server.openai.asking import Asked
from whet.server.openai.observing.request import About, Observed
from whet.server.openai.refused import Refused, failure_of
from whet.server.openai.service import Service

Result = TypeVar("Result")


class Answers:
    """The answers to several requests to the engine, by their places."""

    def __init__(
        self, engine: ServingEngine, requests: Sequence[Request], timeout_s: float, spend: Callable[[int], None],
        observed: Observed | None = None,
    ) -> None:  # fmt: skip
        """Begin them: all, or, where Busy is raised, none. `spend` is told tokens that were read and made, and where it
        is `observed`, when."""
        self._loop, self._arrived = asyncio.get_running_loop(), deque[tuple[int, Told]]()
        self._waiting: asyncio.Future[None] | None = None
        # One timer for all pieces: a token has no time for one of its own.
        self._timeout_s, self._is_late = timeout_s, False
        self._timer = self._loop.call_later(timeout_s, self._end_of_time)
        self.handles: list[Handle] = []
        self._spend, self._observed = spend, observed
        try:
            for place, request in enumerate(requests):
                self.handles.append(engine.submit(request, partial(self._tell, place)))
        except BaseException:
            self.cancel()
            raise
        spend(sum(len(request.ids) for request in requests))

    async def pieces(self) -> AsyncGenerator[tuple[int, Piece], None]:
        """Each part with its answer's place. Leaving the iterator cancels what has not ended.

        Raises what the engine failed with, and Refused when it has taken too long.
        """
        left, num_made, failure = len(self.handles), 0, cast(BaseException | None, None)
        try:
            while left:
                place, told = await self._next()
                if told is None:
                    raise Refused("the answer was cancelled", status=503, code="cancelled")
                if isinstance(told, BaseException):
                    raise failure_of(told)
                num_made += 1
                left -= told.finish is not None
                yield place, told
        except BaseException as error:
            failure = error
            raise
        finally:
            self.cancel()
            self._spend(num_made)
            if self._observed is not None:
                self._observed.end(self.handles, failure)

    def called(self, id: str) -> None:
        """What the answer is called on the wire."""
        if self._observed is not None:
            self._observed.response_id = id

    async def whole(self) -> list[str]:
        """The texts, when all have ended."""
        texts: list[list[str]] = [[] for _ in self.handles]
        async for place, piece in self.pieces():
            texts[place].append(piece.text)
        return ["".join(parts) for parts in texts]

    def cancel(self) -> None:
        """Stop what has not ended. Nothing more is waited for."""
        self._timer.cancel()
        for handle in self.handles:
            if handle.completion is None:
                handle.cancel()

    async def _next(self) -> tuple[int, Told]:
        while not (self._arrived or self._is_late):
            self._waiting = self._loop.create_future()
            await self._waiting
        if self._is_late:
            said = f"there was no whole answer after {self._timeout_s:g} s"
            raise Refused(said, status=408, code="timeout", is_worth_trying=False)  # it would take as long again
        return self._arrived.popleft()

    def _tell(self, place: int, told: Told) -> None:
        """Called by the engine's thread. Who has something waiting already is on the way to it."""
        if self._observed is not None and isinstance(told, Piece) and told.token is not None:
            self._observed.told(place)
        self._arrived.append((place, told))
        if len(self._arrived) == 1:
            with suppress(RuntimeError):  # the loop has ended, and nobody waits
                self._loop.call_soon_threadsafe(self._wake)

    def _end_of_time(self) -> None:
        self._is_late = True
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


def begun(service: Service, asked: Asked, request: HttpRequest) -> Answers:
    """The answers to a request, which count for its key. Raises Busy."""
    observed = None if service.recorder is None else service.recorder.begin(partial(_about, service, asked, request))
    return Answers(service.engine, asked.requests, service.timeout_s, request.state.caller.spend, observed)


def _about(service: Service, asked: Asked, request: HttpRequest) -> About:
    """What is said of a request that is observed; its text where that is kept."""
    assert service.recorder is not None
    adapter, messages = asked.requests[0].adapter, None
    if service.recorder.keeps_text:
        texts = (service.tokenizer.decode(ids, skip_special_tokens=False) for ids in asked.prompts)
        messages = asked.messages or [{"role": "user", "content": text} for text in texts]
    return About(
        operation="chat" if asked.messages else "text_completion", model=adapter or service.names[0], adapter=adapter,
        key=request.state.caller.name, n=asked.n, messages=messages,
    )  # fmt: skip


async def while_heard(request: HttpRequest, work: Coroutine[Any, Any, Result]) -> Result:
    """What `work` gives, which is cancelled when the client goes."""
    tasks: list[asyncio.Future[Any]] = [asyncio.ensure_future(work), asyncio.ensure_future(_gone(request.receive))]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if not tasks[0].done():
            raise Refused("the client has gone", status=499)
        return tasks[0].result()
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task


async def _gone(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
