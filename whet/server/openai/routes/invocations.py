"""`/invocations` and `/ping`: what MLflow's and SageMaker's clients ask of a model, whatever kind it is of."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from whet.evaluate.predicting import COLUMNS
from whet.server.openai.answers import begun, while_heard
from whet.server.openai.asking import Asked, chat_asked, completion_asked
from whet.server.openai.refused import Refused
from whet.server.openai.replies import answer
from whet.server.openai.routes import chat, completions, embeddings, health, scores
from whet.server.openai.service import Asker, Given, Service
from whet.server.openai.wire import Chat, Classified, Completion, Embeddings, Message, Reranked

router = APIRouter(tags=["invocations"])
# Tokens of an answer where nothing is said, as the package for MLflow that is exported has it.
_TOKENS = 256
_TABLES = ("dataframe_split", "dataframe_records", "instances", "inputs")


@router.get("/ping")
def ping(request: Request, service: Given) -> JSONResponse:
    """The same as `/health`."""
    return health.health(request, service)


@router.post("/invocations")
async def invocations(request: Request, service: Given, owner: Asker) -> Response:
    """`predictions` of a table: MLflow's four forms of JSON, CSV, or JSON lines. Other bodies are what `/v1/...` takes:
    `messages`, `prompt`, `query` with `documents`, or `input`."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body, given = await request.body(), dict[str, Any]()
    if kind == "text/csv":
        inputs = _of_csv(_text(body))
    elif kind in ("application/jsonlines", "application/x-ndjson"):
        inputs = [_input(_json(line)) for line in _text(body).splitlines() if line.strip()]
    else:
        value = _json(body)
        if isinstance(value, dict) and not any(name in value for name in _TABLES):
            return await _passed_on(value, request, service, owner)
        inputs, given = _of_json(value)
    return answer({"predictions": await _predicted(inputs, given, request, service)})


async def _passed_on(value: dict[str, Any], request: Request, service: Service, owner: str) -> Response:
    """What another route answers."""
    if "messages" in value:
        return await chat.chat(Chat.model_validate(value), request, service, owner)
    if "prompt" in value:
        return await completions.completions(Completion.model_validate(value), request, service)
    if "documents" in value:
        return await scores.rerank(Reranked.model_validate(value), request, service)
    if "input" in value and service.embedding is not None:
        return await embeddings.embeddings(Embeddings.model_validate(value), request, service)
    if "input" in value:
        return await scores.classify(Classified.model_validate(value), request, service)
    said = f"a table is needed ({', '.join(_TABLES)}), or what /v1/chat/completions takes"
    raise Refused(said, code="missing_required_parameter", param=_TABLES[0])


async def _predicted(inputs: Sequence[Any], given: Mapping[str, Any], request: Request, service: Service) -> list[Any]:
    if not inputs:
        raise Refused("the table has no row", param="inputs", code="invalid_value")
    if service.embedding is not None:
        asked = Embeddings(input=[_only_text(one) for one in inputs])
        found = await run_in_threadpool(embeddings.embedded, service, asked)
        request.state.caller.spend(found["usage"]["total_tokens"])
        return [one["embedding"] for one in found["data"]]
    if service.scores_texts:
        scored = await run_in_threadpool(scores.scored_texts, service, [_only_text(one) for one in inputs], "inputs")
        request.state.caller.spend(scored.num_tokens)
        labels = service.scoring.head.labels or ("",)
        if len(labels) == 1:
            return scored.scores[:, 0].tolist()
        return [labels[place] for place in scored.scores.argmax(1).tolist()]
    answers = begun(service, await run_in_threadpool(_asked, service, inputs, given), request)
    return await while_heard(request, answers.whole())


def _asked(service: Service, inputs: Sequence[Any], given: Mapping[str, Any]) -> Asked:
    """All rows as one request: a text is what a user says, where the model has a template."""
    settings = {
        "max_tokens": given.get("max_new_tokens", _TOKENS),
        "temperature": 0.0,
        **given,
        "n": 1,
        "stream": False,
    }
    has_template = bool(service.tokenizer.chat_template)
    each = []
    for one in inputs:
        if isinstance(one, str) and not has_template:
            each.append(completion_asked(service, Completion.model_validate({**settings, "prompt": one})))
            continue
        messages = [{"role": "user", "content": one}] if isinstance(one, str) else one
        each.append(chat_asked(service, Chat.model_validate({**settings, "messages": messages}), "inputs"))
    return Asked([request for one in each for request in one.requests], [one.prompts[0] for one in each], 1)


def _of_json(value: Any) -> tuple[list[Any], dict[str, Any]]:
    """Inputs and parameters of one of MLflow's forms; a list stands for `instances`."""
    body = value if isinstance(value, dict) else {"instances": value}
    given = body.get("params") or {}
    if not isinstance(given, dict):
        raise Refused("`params` is no object", param="params", code="invalid_type")
    [name, *more] = [name for name in _TABLES if name in body]
    if more:
        raise Refused(f"a table has one form: {name} or {more[0]}", param=more[0], code="invalid_value")
    rows = body[name]
    if name == "dataframe_split":
        columns, data = (rows.get(part) if isinstance(rows, dict) else None for part in ("columns", "data"))
        if not isinstance(columns, list) or not isinstance(data, list) or not all(isinstance(r, list) for r in data):
            raise Refused("`columns` and `data` are lists", param=name, code="invalid_type")
        rows = [dict(zip(map(str, columns), row, strict=False)) for row in data]
    if isinstance(rows, dict) and rows and all(isinstance(column, list) for column in rows.values()):
        rows = [dict(zip(rows, row, strict=False)) for row in zip(*rows.values(), strict=False)]
    rows = [rows] if isinstance(rows, str) else rows
    if not isinstance(rows, list):
        raise Refused(f"`{name}` is no table", param=name, code="invalid_type")
    return [_input(row) for row in rows], given


def _of_csv(text: str) -> list[Any]:
    """The text of each row: of the column with a usual name, else of the first. A first row of such names is a header,
    and any other one a row, as SageMaker sends them."""
    rows = [row for row in csv.reader(io.StringIO(text)) if row]
    if rows and any(name in COLUMNS for name in rows[0]):
        return [_input(dict(zip(rows[0], row, strict=False))) for row in rows[1:]]
    return [row[0] for row in rows]


def _input(row: Any) -> Any:
    """A text, or a conversation, of a row."""
    if isinstance(row, dict) and row:
        row = next((row[name] for name in COLUMNS if name in row), next(iter(row.values())))
    is_talk = isinstance(row, list) and bool(row) and all(isinstance(one, dict) and "role" in one for one in row)
    if is_talk:
        return [Message.model_validate(one).model_dump(exclude_none=True) for one in row]
    if isinstance(row, list) and len(row) == 1:
        row = row[0]
    if not isinstance(row, str) or not row:
        raise Refused("each row needs a text or messages", param="inputs", code="invalid_value")
    return row


def _only_text(given: Any) -> str:
    if not isinstance(given, str):
        raise Refused("this model reads texts, and no conversations, here", param="inputs", code="invalid_value")
    return given


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise Refused("the body is no UTF-8", code="invalid_value") from None


def _json(body: bytes | str) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise Refused("the body is not JSON", code="invalid_json") from None
