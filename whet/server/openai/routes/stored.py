"""Chats that were asked for with `store`: listed, read, labelled and forgotten, as OpenAI has it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from whet.server.openai.kept import page_of
from whet.server.openai.replies import answer
from whet.server.openai.service import Asker, Given
from whet.server.openai.wire import Labels

router = APIRouter(tags=["stored"])
_MARK = "metadata["


@router.get("/v1/chat/completions")
def listed(
    request: Request, service: Given, owner: Asker, model: str | None = None, after: str | None = None,
    limit: int = 20, order: str = "asc",
) -> Response:  # fmt: skip
    """Those of whoever asks, of a model and with metadata where they are given."""
    given = request.query_params.items()
    wanted = {name[len(_MARK) : -1]: value for name, value in given if name.startswith(_MARK) and name.endswith("]")}
    found = [one["completion"] for one in service.chats.listed(owner)]
    found = [one for one in found if model in (None, one["model"]) and wanted.items() <= one["metadata"].items()]
    return answer(page_of(found, after, limit, order))


@router.get("/v1/chat/completions/{id}")
def stored(id: str, service: Given, owner: Asker) -> Response:
    """One of them."""
    return answer(service.chats.get(owner, id)["completion"])


@router.post("/v1/chat/completions/{id}")
def label(id: str, body: Labels, service: Given, owner: Asker) -> Response:
    """Give it other metadata."""
    kept = service.chats.get(owner, id)
    changed = {**kept["completion"], "metadata": body.metadata}
    service.chats.put(owner, id, {**kept, "completion": changed})
    return answer(changed)


@router.get("/v1/chat/completions/{id}/messages")
def messages(
    id: str, service: Given, owner: Asker, after: str | None = None, limit: int = 20, order: str = "asc"
) -> Response:
    """The messages that it answered."""
    given = service.chats.get(owner, id)["messages"]
    return answer(page_of([{"id": f"{id}-{i}", **one} for i, one in enumerate(given)], after, limit, order))


@router.delete("/v1/chat/completions/{id}")
def drop(id: str, service: Given, owner: Asker) -> dict[str, Any]:
    """Forget it."""
    service.chats.drop(owner, id)
    return {"object": "chat.completion.deleted", "id": id, "deleted": True}
