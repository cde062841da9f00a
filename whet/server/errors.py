"""Refusals: one form for whatever a request gets instead of an answer, in the words and codes of MLflow's clients."""

from __future__ import annotations

import math
import os
import sys
import traceback
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from whet.base.errors import WhetError
from whet.track.script.plain import to_json

# Codes of databricks.proto with their HTTP status, as mlflow.exceptions pairs them; those beginning TOO_ are ours.
STATUS = {
    "BAD_REQUEST": 400, "INVALID_PARAMETER_VALUE": 400, "RESOURCE_ALREADY_EXISTS": 400, "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403, "RESOURCE_DOES_NOT_EXIST": 404, "ENDPOINT_NOT_FOUND": 404, "RESOURCE_CONFLICT": 409,
    "TOO_LARGE": 413, "TOO_MANY_REQUESTS": 429, "INTERNAL_ERROR": 500, "INVALID_STATE": 500, "NOT_IMPLEMENTED": 501,
    "TEMPORARILY_UNAVAILABLE": 503,
}  # fmt: skip
_CODE = {
    400: "BAD_REQUEST", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "ENDPOINT_NOT_FOUND",
    405: "ENDPOINT_NOT_FOUND", 409: "RESOURCE_CONFLICT", 413: "TOO_LARGE", 422: "INVALID_PARAMETER_VALUE",
    503: "TEMPORARILY_UNAVAILABLE",
}  # fmt: skip


class Refusal(Exception):
    """A request that gets no answer: its code, one sentence, and what else the caller is told."""

    def __init__(self, code: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.code, self.message, self.more = code, message, more

    @property
    def status(self) -> int:
        return STATUS[self.code]

    @property
    def headers(self) -> dict[str, str]:
        """When to try again, where it says so (`wait_s`), and how to be known."""
        wait_s = self.more.get("wait_s")
        told = {} if wait_s is None else {"Retry-After": str(max(1, math.ceil(wait_s)))}
        return {**told, "WWW-Authenticate": "Bearer"} if self.status == 401 else told

    def body(self) -> dict[str, Any]:
        return {"error_code": self.code, "message": self.message, **self.more}


def answer(body: Mapping[str, Any], status: int, headers: Mapping[str, str] | None = None) -> Response:
    """JSON, also of half a surrogate pair that a caller sent and is told again."""
    return Response(to_json(body), status, dict(headers or {}), media_type="application/json")


def invalid(message: str) -> Refusal:
    """A value that cannot be used."""
    return Refusal("INVALID_PARAMETER_VALUE", message)


def missing(message: str) -> Refusal:
    """Something that is not there."""
    return Refusal("RESOURCE_DOES_NOT_EXIST", message)


def no_run(name: str) -> Refusal:
    """A run that is not there; in the same words where whoever asks may not know of it."""
    return Refusal("RESOURCE_DOES_NOT_EXIST", f"there is no run `{name}`", hint="whet runs")


def refuse_full(error: OSError, what: str) -> Refusal:
    """What a disk that does not take something comes to."""
    return Refusal("INTERNAL_ERROR", f"{what} cannot be written: {error.strerror or os.strerror(error.errno or 0)}")


def install(app: FastAPI) -> None:
    """Let every exception of a route become an answer in this form."""

    @app.exception_handler(Refusal)
    async def _(request: Request, error: Refusal) -> Response:
        return answer(error.body(), error.status, error.headers)

    @app.exception_handler(WhetError)
    async def _(request: Request, error: WhetError) -> Response:
        body = {"error_code": "INVALID_PARAMETER_VALUE", "message": error.message, "hint": error.hint}
        return answer(body, 400)

    @app.exception_handler(HTTPException)
    async def _(request: Request, error: HTTPException) -> Response:
        code = _CODE.get(error.status_code, "INTERNAL_ERROR")
        return answer({"error_code": code, "message": str(error.detail)}, error.status_code, error.headers)

    @app.exception_handler(ClientDisconnect)
    async def _(request: Request, error: ClientDisconnect) -> Response:  # nobody hears it
        return answer({"error_code": "INVALID_PARAMETER_VALUE", "message": "the body broke off"}, 400)

    @app.exception_handler(RequestValidationError)
    async def _(request: Request, error: RequestValidationError) -> Response:
        said = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        return answer({"error_code": "INVALID_PARAMETER_VALUE", "message": said[:1000]}, 400)

    @app.exception_handler(Exception)
    async def _(request: Request, error: Exception) -> Response:
        traceback.print_exception(error, file=sys.stderr)
        said = f"the server failed where it should not: {type(error).__name__}"
        return answer({"error_code": "INTERNAL_ERROR", "message": said}, 500)
