"""The app before another engine: the door, what is ours, and the paths that are passed on."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import FastAPI

from whet.server.openai.app import Served, built
from whet.server.openai.callers import Callers
from whet.server.openai.door import Door
from whet.server.openai.passing import routes
from whet.server.openai.passing.service import PassingService
from whet.server.openai.routes import feedback, health, metrics, models, stored


class Passed(Served):
    """The app of a service that another engine answers."""

    def __init__(self, service: PassingService, callers: Callers, hosts: Iterable[str] = ()) -> None:
        self.app: FastAPI = built(
            service,
            (routes.router, stored.router, feedback.router, models.router, health.router, metrics.router),
        )
        Door.__init__(self, self.app, callers, hosts)
