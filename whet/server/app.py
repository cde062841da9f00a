"""The app: the guard, and behind it one router a door. A web page is one more over the same."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI

from whet.server import errors
from whet.server.access.asked import Access
from whet.server.access.token import OneToken
from whet.server.guard import Guard
from whet.server.heavy import Heavy
from whet.server.live import Live
from whet.server.mlflow import artifacts, experiments, logged_models, models, runs, versions
from whet.server.mlflow.door import Door
from whet.server.playground.connected import Connected
from whet.server.push.receiving import Receiving
from whet.server.routes import (
    belongings,
    boards,
    compare,
    console,
    controls,
    curves,
    data,
    diagnoses,
    edits,
    health,
    lineage,
    live,
    oidc,
    plan,
    playground,
    prometheus,
    push,
    reading,
    registry,
    reports,
    requests,
    rollouts,
    session,
    steps,
    team,
    traces,
)
from whet.server.served import Served
from whet.server.turns import Turns
from whet.track.recorded.console_index import Consoles

MIB = 1 << 20
# Bodies that are streamed to the disk as they come may be so large; others are held in memory.
STREAMED_BYTES, BODY_BYTES = 1 << 40, 32 * MIB
_STREAMED = ("/api/2.0/mlflow-artifacts/artifacts/", "/ajax-api/2.0/mlflow-artifacts/artifacts/")
# A router a resource, each on a line of its own.
_ROUTERS = (
    health.router,
    reading.router,
    registry.router,
    edits.router,
    curves.router,
    live.router,
    controls.router,
    console.router,
    steps.router,
    belongings.router,
    data.router,
    lineage.router,
    rollouts.router,
    compare.router,
    diagnoses.router,
    plan.router,
    playground.router,
    push.router,
    traces.router,
    requests.router,
    prometheus.router,
    reports.router,
    boards.router,
    session.router,
    team.router,
    oidc.router,
)

_MLFLOW = (
    experiments.router, runs.router, artifacts.router, models.router, versions.router, logged_models.router,
)  # fmt: skip


def build(
    root: Path, access: Access, hosts: Iterable[str] = (), pages: Iterable[APIRouter] = (health.directions,),
    engines: Iterable[Connected] = (),
) -> Guard:  # fmt: skip
    """The server of the runs under `root`, for those whom `access` knows. `hosts` are names it is asked by, `engines`
    servers of models that the playground knows beside those that it starts.

    `pages` answer what no route of the API does. What it writes is let go of when the app's lifespan ends.
    """
    app = _api(root, access)
    app.state.playground = playground.Playground(root, engines)
    for router in pages:
        app.include_router(router, include_in_schema=False)
    return Guard(app, access, hosts, _limit, partial(_end, app))


def schema() -> dict[str, Any]:
    """The OpenAPI of the server, from which clients are generated. Nothing is read or written."""
    return _api(Path("runs"), OneToken("")).openapi()


def _api(root: Path, access: Access) -> FastAPI:
    app = FastAPI(
        title="whet", version=_version(), lifespan=_lifespan, openapi_url="/api/v1/openapi.json",
        docs_url=None, redoc_url=None,  # their pages load scripts from elsewhere
    )  # fmt: skip
    app.state.served = Served(root, access.placing)
    app.state.live = Live(app.state.served.board, app.state.served.histories)
    app.state.consoles = Consoles()
    app.state.heavy = Heavy()
    app.state.turns = Turns()
    app.state.access = access
    app.state.door = Door(app.state.served)
    app.state.receiving = Receiving(root, app.state.served.owners)
    app.state.spans = traces.Spans(root)
    errors.install(app)
    for router in _ROUTERS:
        app.include_router(router)
    for prefix in ("/api", "/ajax-api"):
        for router in _MLFLOW:
            app.include_router(router, prefix=prefix, include_in_schema=prefix == "/api")
    return app


def _end(app: FastAPI) -> None:
    """End what goes on by itself: streams, and answers of models that this server has started."""
    app.state.live.close()
    app.state.playground.engines.close()


def _limit(method: str, path: str) -> int:
    return STREAMED_BYTES if method == "PUT" and path.startswith(_STREAMED) else BODY_BYTES


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    state = app.state
    for one in (state.playground.engines, state.door, state.receiving, state.spans, state.heavy, state.access):
        one.close()


def _version() -> str:
    try:
        return version("whet")
    except PackageNotFoundError:
        return "0"
