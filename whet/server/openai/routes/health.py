"""`/health`: whether requests are taken, for whoever distributes them."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

router = APIRouter(tags=["health"])


@router.get("/health")
def health(request: Request) -> JSONResponse:
    """200 while requests are taken, 503 when the server is ending."""
    is_ending = request.app.state.is_ending
    body: dict[str, Any] = {"status": "ending" if is_ending else "ok"}
    return JSONResponse(body, 503 if is_ending else 200)
