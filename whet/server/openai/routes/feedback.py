"""`/v1/feedback`: what people say of answers becomes rows to train on."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from whet.server.openai.feedback import row_of
from whet.server.openai.refused import Refused
from whet.server.openai.service import Asker, Given
from whet.server.openai.wire import Feedback

router = APIRouter(tags=["feedback"])


@router.post("/v1/feedback")
def feedback(body: Feedback, service: Given, owner: Asker) -> dict[str, Any]:
    """Keep what is said of a chat that was asked for with `store`, in the folder that the server was started with."""
    if service.feedback is None:
        said = "this server keeps no feedback: it was started without `--feedback`"
        raise Refused(said, code="unsupported_parameter")
    if body.label is not None and body.correction is not None:
        raise Refused("give one of `label`, `correction` and `better_than`", param="label", code="invalid_value")
    kept = service.chats.get(owner, body.id, "id")
    other = service.chats.get(owner, body.better_than, "better_than") if body.better_than is not None else kept
    kind, row = row_of(body, kept, other, owner)
    try:
        service.feedback.add(kind, row)
    except OSError as error:
        said = f"what was said of the answer cannot be kept: {error.strerror}"
        raise Refused(said, status=507, code="not_kept", is_worth_trying=False) from None
    if service.recorder is not None:
        for id in {body.id, body.better_than or body.id}:
            service.recorder.said(row, id)
    return {"object": "feedback", "id": body.id, "file": kind}
