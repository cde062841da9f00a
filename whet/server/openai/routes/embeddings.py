"""`/v1/embeddings`: texts as vectors, of models that were made for it."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from whet.base.errors import WhetError
from whet.server.openai.fitting import check_length
from whet.server.openai.refused import Refused
from whet.server.openai.replies import answer
from whet.server.openai.service import Given, Service, readable
from whet.server.openai.wire import Embeddings

router = APIRouter(tags=["embeddings"])


@router.post("/v1/embeddings")
async def embeddings(body: Embeddings, request: Request, service: Given) -> Response:
    """An embedding of each text, as a document where `input_type` does not say `query`."""
    found = await run_in_threadpool(embedded, service, body)
    request.state.caller.spend(found["usage"]["total_tokens"])
    return answer(found)


def embedded(service: Service, body: Embeddings) -> dict[str, Any]:
    """The embeddings as OpenAI tells them. Raises Refused for texts that have none, and models that make none."""
    service.adapter(body.model)
    if service.embedding is None:
        raise service.unfit("makes no embeddings")
    texts = _texts(service, body)
    try:
        with readable("input"):
            check_length(service, texts, "input")
            vectors = service.embedding.embed(texts, body.input_type, body.dimensions)
    except WhetError as error:  # of texts that come as texts only their number of numbers can be wrong
        param = "input" if body.dimensions is None else "dimensions"
        raise Refused(error.message, param=param, code="invalid_value") from None
    data = [
        {"object": "embedding", "index": i, "embedding": _written(vector, body.encoding_format)}
        for i, vector in enumerate(vectors)
    ]
    count = sum(len(service.tokenizer.encode(text)) for text in texts)
    used = {"prompt_tokens": count, "total_tokens": count}
    return {"object": "list", "data": data, "model": body.model or service.names[0], "usage": used}


def _texts(service: Service, body: Embeddings) -> list[str]:
    given: Any = [body.input] if isinstance(body.input, str) else body.input
    if given and isinstance(given[0], int):
        given = [given]
    texts = [one if isinstance(one, str) else _said(service, one) for one in given]
    if not texts or not all(texts):
        raise Refused("an empty text has no embedding", param="input", code="invalid_value")
    return texts


def _said(service: Service, ids: list[int]) -> str:
    return service.tokenizer.decode(service.checked(ids, "input"), skip_special_tokens=True)


def _written(vector: np.ndarray, how: str) -> Any:
    if how == "base64":  # what OpenAI's client asks for by itself
        return base64.b64encode(vector.astype("<f4").tobytes()).decode()
    return vector.tolist()
