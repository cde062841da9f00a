"""`/v1/models`: what is served, by name."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from whet.server.openai.service import Given, Service

router = APIRouter(tags=["models"])


@router.get("/v1/models")
def models(service: Given) -> dict[str, Any]:
    """The base model and its adapters."""
    names = (*service.names, *service.adapters)
    return {"object": "list", "data": [_model(service, name) for name in names]}


@router.get("/v1/models/{name:path}")
def model(name: str, service: Given) -> dict[str, Any]:
    """One of them."""
    service.adapter(name)
    return _model(service, name)


def _model(service: Service, name: str) -> dict[str, Any]:
    parent = service.names[0] if name in service.adapters else None
    return {
        "id": name, "object": "model", "created": service.created, "owned_by": "whet", "parent": parent,
        "max_model_len": service.context,
    }  # fmt: skip
