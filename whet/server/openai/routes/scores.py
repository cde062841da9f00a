"""`/v1/rerank`, `/v1/score`, `/v1/classify`: numbers of texts, of models that were made for them.

Their bodies are those of vLLM, Jina and Cohere, whose clients ask for them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from whet.evaluate.scoring import Scored, chance
from whet.server.openai.asking import messages_of
from whet.server.openai.fitting import check_length
from whet.server.openai.refused import Refused
from whet.server.openai.replies import answer, head
from whet.server.openai.service import Given, Service, readable
from whet.server.openai.wire import Classified, Pairs, Reranked

router = APIRouter(tags=["scores"])


@router.post("/v1/rerank")
@router.post("/v2/rerank", include_in_schema=False)
@router.post("/rerank", include_in_schema=False)
async def rerank(body: Reranked, request: Request, service: Given) -> Response:
    """Documents by how relevant they are to a query, the best first, with scores from 0 to 1."""
    service.adapter(body.model)
    pairs = [(body.query, text) for text in body.texts]
    scored = await run_in_threadpool(_related, service, pairs, "documents")
    request.state.caller.spend(scored.num_tokens)
    relevance = scored.scores[:, 0]
    order = np.argsort(-relevance, kind="stable")[: body.top_n]
    results: list[dict[str, Any]] = [{"index": int(i), "relevance_score": float(relevance[i])} for i in order]
    if body.return_documents is not False:
        results = [{**one, "document": {"text": body.texts[one["index"]]}} for one in results]
    told = _head("rerank", "rerank", service, body.model, scored)
    return answer(told | {"results": results})


@router.post("/v1/score")
@router.post("/score", include_in_schema=False)
async def score(body: Pairs, request: Request, service: Given) -> Response:
    """A number for each pair of texts: of one with each of several, or of two lists pair by pair."""
    service.adapter(body.model)
    first, second = body.sides
    if len(first) not in (1, len(second)) or not second:
        said = f"{len(first)} texts stand against {len(second)}: one against several, or as many"
        raise Refused(said, param="text_2", code="invalid_value")
    pairs = [(first[0] if len(first) == 1 else first[i], text) for i, text in enumerate(second)]
    scored = await run_in_threadpool(_related, service, pairs, "text_2", body.use_activation is not False)
    request.state.caller.spend(scored.num_tokens)
    data = [{"index": i, "object": "score", "score": float(one)} for i, one in enumerate(scored.scores[:, 0])]
    return answer(_head("list", "score", service, body.model, scored) | {"data": data})


@router.post("/v1/classify")
@router.post("/classify", include_in_schema=False)
async def classify(body: Classified, request: Request, service: Given) -> Response:
    """The chances of each class for each text, or its numbers; of conversations, their rewards."""
    service.adapter(body.model)
    scored = await run_in_threadpool(_classified, service, body)
    request.state.caller.spend(scored.num_tokens)
    head = service.scoring.head
    labels = head.labels or ("",)
    data = [
        {
            "index": i, "label": labels[int(parts.argmax())] if len(labels) > 1 else None, "probs": parts.tolist(),
            "scores": raw.tolist(), "num_classes": len(labels), "labels": list(labels),
        }
        for i, (parts, raw) in enumerate(zip(scored.parts(head), scored.scores, strict=True))
    ]  # fmt: skip
    return answer(_head("list", "classify", service, body.model, scored) | {"data": data})


def _related(service: Service, pairs: Sequence[tuple[str, str]], param: str, is_activated: bool = True) -> Scored:
    """How relevant documents are to their queries (N, 1): of a reranker its chances, or its scores where they are not
    `is_activated`; of an embedding model the cosine."""
    if not pairs or not all(text for pair in pairs for text in pair):
        raise Refused("texts to compare are needed, none of them empty", param=param, code="invalid_value")
    with readable(param):
        check_length(service, {text for pair in pairs for text in pair}, param)
    if service.embedding is not None:
        return _cosines(service, pairs)
    found = service.scoring.relevance(pairs)
    return Scored(chance(found.scores), found.num_tokens) if is_activated else found


def _cosines(service: Service, pairs: Sequence[tuple[str, str]]) -> Scored:
    assert service.embedding is not None
    sides = [list(dict.fromkeys(side)) for side in zip(*pairs, strict=True)]
    found = []
    for texts, side in zip(sides, ("query", "document"), strict=True):
        vectors = service.embedding.embed(texts, side, None)
        vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True).clip(min=1e-12)
        found.append(dict(zip(texts, vectors, strict=True)))
    count = sum(len(service.tokenizer.encode(text)) for texts in sides for text in texts)
    return Scored(np.array([[found[0][first] @ found[1][second]] for first, second in pairs]), count)


def _classified(service: Service, body: Classified) -> Scored:
    if (body.input is None) == (body.messages is None):
        raise Refused("give `input` or `messages`", param="input", code="missing_required_parameter")
    if body.messages is not None:
        messages = messages_of(body.messages)
        with readable("messages"):
            check_length(service, ["\n".join(one["content"] for one in messages)], "messages")
        return service.scoring.conversations([messages])
    texts = [body.input] if isinstance(body.input, str) else body.input or []
    if not texts or not all(texts):
        raise Refused("an empty text has no class", param="input", code="invalid_value")
    return scored_texts(service, texts, "input")


def scored_texts(service: Service, texts: Sequence[str], param: str) -> Scored:
    """Scores of texts. Raises Refused for texts that cannot be read, or are too long."""
    scoring = service.scoring
    with readable(param):
        check_length(service, texts, param)
    return scoring.texts(texts)


def _head(kind: str, prefix: str, service: Service, model: str | None, scored: Scored) -> dict[str, Any]:
    used = {"prompt_tokens": scored.num_tokens, "total_tokens": scored.num_tokens}
    return head(kind, prefix, model or service.names[0]) | {"created": int(time.time()), "usage": used}
