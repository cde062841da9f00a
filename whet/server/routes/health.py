"""Whether a server is there, the only thing that is said without a token, and where to go on."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

router = APIRouter(tags=["health"])
# What stands at the printed address where no page is served.
directions = APIRouter(tags=["health"])


@router.get("/health", response_class=PlainTextResponse)
def mlflow_health() -> str:
    """As MLflow's server says it."""
    return "OK"


@directions.get("/")
def root() -> dict[str, str]:
    """Where to go on from the printed address."""
    return {"server": "whet", "runs": "/api/v1/runs", "api": "/api/v1/openapi.json", "metrics": "/metrics"}


@router.get("/api/v1/health")
def health() -> dict[str, str]:
    """That the server is there, and of which kind."""
    return {"status": "ok", "server": "whet"}
