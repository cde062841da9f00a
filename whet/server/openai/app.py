"""The app of a served model: the door, and behind it one router a resource."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI

from whet.server.openai import refused
from whet.server.openai.callers import Callers
from whet.server.openai.door import Door
from whet.server.openai.routes import (
    chat,
    completions,
    embeddings,
    feedback,
    health,
    invocations,
    messages,
    metrics,
    models,
    ollama,
    responses,
    scores,
    stored,
    tokens,
)  # fmt: skip
from whet.server.openai.service import Service

_ROUTERS = (
    chat.router, stored.router, responses.router, messages.router, completions.router, embeddings.router,
    scores.router, feedback.router, ollama.router, models.router, tokens.router,
    health.router, invocations.router, metrics.router,
)  # fmt: skip


class Served(Door):
    """The app of one service. It ends the engine with the app's lifespan."""

    def __init__(self, service: Service, callers: Callers, hosts: Iterable[str] = ()) -> None:
        self.app = built(service, _ROUTERS)
        super().__init__(self.app, callers, hosts)

    def end(self) -> None:
        """Take no more requests: what is under way is finished. To be called before the server waits for it."""
        self.app.state.is_ending = True
        self.app.state.service.drain()


def built(service: Any, routers: Iterable[APIRouter]) -> FastAPI:
    """An app of these routers, whose refusals are OpenAI's; it closes the service with its lifespan."""
    app = FastAPI(
        title="whet serve", lifespan=_lifespan, openapi_url="/openapi.json",
        docs_url=None, redoc_url=None,  # their pages load scripts from elsewhere
        responses=refused.REFUSALS,
        redirect_slashes=False,  # clients send no body or no key after a 307: the door takes the slash away
    )  # fmt: skip
    app.state.service, app.state.is_ending = service, False
    refused.install(app)
    for router in routers:
        app.include_router(router)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    app.state.service.close()
