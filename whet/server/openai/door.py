"""The door before the routes: from which page, with which key, how often, and how large a body."""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from whet.server.openai.callers import ASK, WATCH, Caller, Callers
from whet.server.openai.refused import Refused

# What is answered to anybody: that a server is there.
OPEN = frozenset({"/health", "/ping"})
# What is answered to keys that are good for watching.
WATCHED = frozenset({"/metrics"})
BODY_BYTES = 8 << 20
# What bodies of requests that are under way may take together.
ALL_BODIES_BYTES = 256 << 20


class Door:
    """An ASGI app before another. Routes find who asks as `caller` in a request's state.

    A page of another site that makes a browser ask is known by its Host or its Origin: Host must be an address, a name
    of this machine's loopback or one of `hosts` (`*` is any), and Origin the same as Host. A slash behind a path says
    nothing.
    """

    def __init__(
        self, app: ASGIApp, callers: Callers, hosts: Iterable[str] = (), body_bytes: int = BODY_BYTES,
        all_bodies_bytes: int = ALL_BODIES_BYTES,
    ) -> None:  # fmt: skip
        self._app, self._callers, self._most, self._room = app, callers, body_bytes, all_bodies_bytes
        self._hosts = {"localhost", *(host.lower() for host in hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # there are no WebSockets here
            await send({"type": "websocket.close", "code": 1008})
            return
        scope["path"] = scope["path"].rstrip("/") or "/"
        sending, headers = _named(send, secrets.token_hex(8)), Headers(scope=scope)
        try:
            self._check_origin(headers)
            self._check_size(headers)
            asked = scope["path"], headers, scope["method"]
            caller = await run_in_threadpool(self._begun, *asked) if self._callers.waits else self._begun(*asked)
        except Refused as refused:
            await refused.response(scope["path"])(scope, receive, sending)
            return
        await self._pass(caller, scope, receive, sending)

    async def _pass(self, caller: Caller | None, scope: Scope, receive: Receive, send: Send) -> None:
        taken = [0]
        try:
            if caller is None:
                await self._app(scope, self._bounded(receive, taken), send)
                return
            scope["state"] = {**scope.get("state", {}), "caller": caller}
            await self._app(scope, self._bounded(receive, taken), _limited(send, caller))
        finally:
            self._room += taken[0]
            if caller is not None and scope["method"] == "POST":
                caller.end()

    def _check_origin(self, headers: Headers) -> None:
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._is_ours(host):
            raise Refused(f"this server is not called {ascii(host)}: start it with --name", status=403)
        if origin is not None and _netloc(origin) != host.lower():
            raise Refused("pages of other sites may not ask this server", status=403)

    def _begun(self, path: str, headers: Headers, method: str) -> Caller | None:
        """Whose key it is, counted where it asks. Raises Refused."""
        caller = self._caller(path, headers)
        if caller is not None and method == "POST":
            caller.begin()
        return caller

    def _caller(self, path: str, headers: Headers) -> Caller | None:
        """Whose key it is; None for what needs none. Raises Refused (401, 403)."""
        if path in OPEN:
            return None
        scheme, _, key = headers.get("authorization", "").partition(" ")
        given = key.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
        caller = self._callers.find(given)
        if caller is None:
            missing = "a key is needed: it was printed at the start, or given"
            said = "the API key is not this server's" if given else missing
            raise Refused(f"{said} (Authorization: Bearer KEY)", status=401, code="invalid_api_key")
        caller.check_use(WATCH if path in WATCHED else ASK)
        return caller

    def _check_size(self, headers: Headers) -> None:
        said = headers.get("content-length", "0")
        if "content-length" in headers and "transfer-encoding" in headers:
            # Of a proxy that goes by the one while we go by the other, the rest of a body would be a request.
            raise Refused("a body has a length or comes in chunks, and not both", ends_connection=True)
        if not (said.isascii() and said.isdigit()) or len(said) > 19 or int(said) > self._most:
            raise self._too_large()

    def _too_large(self) -> Refused:
        return Refused(f"the body has more than {self._most:,} bytes", status=413, code="request_too_large")

    def _bounded(self, receive: Receive, taken: list[int]) -> Receive:
        """The body as it comes, refused once it is too long (a chunked one does not say its size), or all bodies
        together are. What was `taken` of the room for all is told there."""

        async def bounded() -> Message:
            message = await receive()
            count = len(message.get("body", b""))
            taken[0] += count
            self._room -= count
            # In this form, since FastAPI lets no other exception out of a body.
            if taken[0] > self._most:
                raise HTTPException(413, self._too_large().message)
            if self._room < 0:
                raise HTTPException(429, "the server has as much to read as it can hold")
            return message

        return bounded

    def _is_ours(self, host: str) -> bool:
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower()
            if name in self._hosts or "*" in self._hosts:
                return True
            ipaddress.ip_address(name.partition("%")[0])
        except ValueError:
            return False
        return True


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:  # `http://[`
        return ""


def _named(send: Send, name: str) -> Send:
    """Answers with the request's name, which no cache keeps and no browser takes for something else."""
    extra = [(b"x-request-id", f"req_{name}".encode()), (b"cache-control", b"no-store"), *_HEADERS]

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), *extra]}
        await send(message)

    return sending


def _limited(send: Send, caller: Caller) -> Send:
    """Answers with what is left of what the key may use."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start" and (headers := caller.headers()):
            message = {**message, "headers": [*message.get("headers", []), *headers]}
        await send(message)

    return sending


_HEADERS = (
    (b"x-content-type-options", b"nosniff"), (b"x-frame-options", b"DENY"), (b"referrer-policy", b"no-referrer"),
)  # fmt: skip
