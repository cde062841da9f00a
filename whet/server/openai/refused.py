"""Refusals in OpenAI's form: `error` with `message`, `type`, `param` and `code`, and never anything else.

Beside it stands `type: error`, by which Anthropic's clients know the same. Ollama's clients read `error` as a text.
"""

from __future__ import annotations

import math
import sys
import traceback
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from whet.base.errors import WhetError
from whet.generate.serving.request import Busy, Lost
from whet.track.script.plain import to_json

_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
# When somebody who was refused for the number of requests may come again.
LATER_S = 1.0
# Under it stands what is told as Ollama tells it.
OLLAMA = "/api/"
# Of what a client sent, which may be as long as a body, so much is told back.
_MOST = 2000


class Refused(Exception):
    """A request that gets no answer. `param` is the member of the body that is at fault, `code` a word for programs."""

    def __init__(
        self, message: str, *, status: int = 400, code: str | None = None, param: str | None = None,
        wait_s: float | None = None, is_worth_trying: bool = True, ends_connection: bool = False,
    ) -> None:  # fmt: skip
        """Clients are told to come again after `wait_s`; or, where that is not `is_worth_trying`, not to. What comes
        after a request that `ends_connection` is not read."""
        super().__init__(message)
        message = message if len(message) <= _MOST else f"{message[:_MOST]}..."
        self.message, self.status, self.code, self.param, self.wait_s = message, status, code, param, wait_s
        self.is_worth_trying, self.ends_connection = is_worth_trying, ends_connection

    def body(self, path: str = "") -> dict[str, Any]:
        """What is told of a request to this path."""
        if path.startswith(OLLAMA):
            return {"error": self.message}
        kind = "server_error" if self.status >= 500 else _TYPES.get(self.status, "invalid_request_error")
        error = {"message": self.message, "type": kind, "param": self.param, "code": self.code}
        return {"type": "error", "error": error}

    def response(self, path: str = "") -> Response:
        """The answer to a request to this path."""
        headers = {} if self.wait_s is None else {"Retry-After": str(max(1, math.ceil(self.wait_s)))}
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        if not self.is_worth_trying:
            headers["x-should-retry"] = "false"
        if self.ends_connection:
            headers["Connection"] = "close"
        return Response(to_json(self.body(path)), self.status, headers, media_type="application/json")


def refusal_of(error: BaseException) -> Refused:
    """What an error of any kind comes to. One that should not be is printed here, and not told."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, Busy):
        return Refused(error.message, status=429, code="rate_limit_exceeded", wait_s=LATER_S)
    if isinstance(error, Lost):
        return Refused(_words(error), status=503, code="engine_lost", is_worth_trying=False)
    if isinstance(error, ValidationError):  # of a body of another API, which comes to one that is not as it should be
        return invalid([{**one, "loc": ("body", *one["loc"])} for one in error.errors()])
    if isinstance(error, WhetError):
        return Refused(_words(error))
    traceback.print_exception(error, file=sys.stderr)
    return Refused(f"the server failed where it should not: {type(error).__name__}", status=500, code="internal_error")


def failure_of(error: BaseException) -> BaseException:
    """What an engine failed with while it answered. What was asked had been looked at before, so the fault is the
    server's; that it takes nothing more is no fault."""
    if isinstance(error, WhetError) and not isinstance(error, Busy | Lost):
        return Refused(_words(error), status=500, code="internal_error")
    return error


def _words(error: WhetError) -> str:
    return error.message + (f" ({error.hint})" if error.hint else "")


def install(app: FastAPI) -> None:
    """Let every exception of a route become an answer in this form."""

    async def refuse(request: Request, error: Exception) -> Response:
        return refusal_of(error).response(request.url.path)

    for kind in (Refused, WhetError, ValidationError, Exception):
        app.add_exception_handler(kind, refuse)

    @app.exception_handler(HTTPException)
    async def _(request: Request, error: HTTPException) -> Response:
        said, code = str(error.detail), None
        if error.status_code == 404:
            said, code = f"there is nothing at {request.method} {request.url.path}{_meant(request)}", "unknown_url"
        if error.status_code == 400:  # what Python cannot hold: too deep, or a number of too many digits
            said, code = "the body is not JSON", "invalid_json"
        if error.status_code == 413:
            code = "request_too_large"
        wait_s = None
        if error.status_code == 429:
            code, wait_s = "rate_limit_exceeded", LATER_S
        refused = Refused(said, status=error.status_code, code=code, wait_s=wait_s)
        return refused.response(request.url.path)

    @app.exception_handler(RequestValidationError)
    async def _(request: Request, error: RequestValidationError) -> Response:
        return invalid(error.errors()).response(request.url.path)

    @app.exception_handler(ClientDisconnect)
    async def _(request: Request, error: ClientDisconnect) -> Response:  # nobody hears it
        return Refused("the body broke off").response()


def _meant(request: Request) -> str:
    """Where what was asked for is, if the address that a client was given has `/v1` too much or too little."""
    path = request.url.path
    meant = path.removeprefix("/v1") if path.startswith("/v1/v1/") else f"/v1{path}"
    return f" but at {meant}: see the client's base URL" if meant in request.app.openapi()["paths"] else ""


def _described(error: dict[str, Any], **beside: Any) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of answers that are refusals."""
    members = {**beside, "error": error}
    schema = {"type": "object", "properties": members, "required": list(members)}
    content = {"application/json": {"schema": schema}}
    return {"4XX": {"description": "Refused", "content": content}, "5XX": {"description": "Failed", "content": content}}


_TEXT, _TEXT_OR_NONE = {"type": "string"}, {"type": ["string", "null"]}
_MEMBERS = {"message": _TEXT, "type": _TEXT, "param": _TEXT_OR_NONE, "code": _TEXT_OR_NONE}
REFUSALS = _described({"type": "object", "properties": _MEMBERS, "required": list(_MEMBERS)}, type={"const": "error"})
OLLAMA_REFUSALS = _described(_TEXT)


def invalid(errors: Sequence[Any]) -> Refused:
    """A body that is not as it should be, by pydantic's errors: the first of the deepest one is told, since of the
    kinds that a member may be of it is the one that was meant."""
    first = max(errors, key=lambda error: len(error["loc"]))
    if first["type"] == "json_invalid":
        return Refused("the body is not JSON", code="invalid_json")
    param = _path(first["loc"][1:])
    if first["type"] == "missing":
        said = f"`{param}` is missing" if param else "the body is missing, or is not sent as application/json"
        return Refused(said, code="missing_required_parameter", param=param or None)
    if not param and first["type"].endswith("_type"):
        return Refused("the body is no JSON object, or is not sent as application/json", code="invalid_type")
    code = "invalid_type" if first["type"].endswith("_type") else "invalid_value"
    said = first["msg"].removeprefix("Value error, ")
    return Refused(f"`{param}`: {said}" if param else said, code=code, param=param or None)


def _path(places: Sequence[str | int]) -> str:
    """`messages[0].role`. Names of the kinds that a union tried are left out."""
    path = ""
    for place in places:
        if isinstance(place, int):
            path += f"[{place}]"
        elif not path:
            path = place
        elif place.isidentifier() and place not in ("str", "int", "list", "dict", "float", "bool"):
            path += f".{place}"
    return path
