"""`/health`: whether requests are taken, for whoever distributes them."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from whet.server.openai.service import Given

router = APIRouter(tags=["health"])


@router.get("/health")
def health(request: Request, service: Given) -> JSONResponse:
    """200 while requests are taken, 503 when the server is ending, its last steps all failed, or a process that has a
    part of the model has gone, which `message` tells."""
    status = "ok"
    if service.is_failing:
        status = "failing"
    if request.app.state.is_ending:
        status = "ending"
    told = {"status": status} | ({"message": service.lost} if service.lost else {})
    return JSONResponse(told, 200 if status == "ok" else 503)
