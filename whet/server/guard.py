"""The guard before all routes: which host was asked for, from which page, with which token, and how large a body."""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
from collections.abc import Callable, Iterable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from whet.server.errors import Refusal

COOKIE = "whet_token"
# What is answered to anybody: that a server is there.
OPEN = frozenset({"/health", "/api/v1/health"})

Limit = Callable[[str, str], int]


class Guard:
    """An ASGI app before another. `limit` gives the most bytes that the body of a method and path may have.

    A page of another site that makes a browser ask (DNS rebinding, cross-site requests) is known by its Host or its
    Origin: Host must be an address, a name of this machine's loopback or one of `hosts`, and Origin the same as Host.
    """

    def __init__(self, app: ASGIApp, token: str, hosts: Iterable[str], limit: Limit) -> None:
        self._app, self._limit = app, limit
        self._token = token.encode()
        self._hosts = {"localhost", *(host.lower() for host in hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # there are no WebSockets here
            await send({"type": "websocket.close", "code": 1008})
            return
        try:
            answer = self._answer(scope)
        except Refusal as refusal:
            said = {"WWW-Authenticate": "Bearer"} if refusal.status == 401 else None
            answer = JSONResponse(refusal.body(), refusal.status, said)
        if answer is not None:
            await answer(scope, receive, send)
            return
        await self._app(scope, self._bounded(scope, receive), _private(send))

    def _answer(self, scope: Scope) -> Response | None:
        """What is said instead of passing the request on; None to pass it on. Raises Refusal."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get("host", "")
        if not self._is_ours(host):
            raise Refusal("PERMISSION_DENIED", f"this server is not called {ascii(host)}: start it with --name")
        origin = headers.get("origin")
        if origin is not None and _netloc(origin) != host.lower():
            raise Refusal("PERMISSION_DENIED", "pages of other sites may not ask this server")
        if self._size(headers) > self._limit(scope["method"], scope["path"]):
            raise Refusal("TOO_LARGE", "the body is too large")
        if scope["path"] in OPEN or self._is_known(headers):
            return None
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = dict(query).get("token", "")
        if not self._is_token(given):
            raise Refusal("UNAUTHENTICATED", "a token is needed: it is in the address that `whet server` prints")
        return self._welcome(scope, query, headers) if scope["method"] == "GET" else None

    def _welcome(self, scope: Scope, query: list[tuple[str, str]], headers: dict[str, str]) -> Response | None:
        """A browser takes the token as a cookie, so that it stands in no address or history; others just go on."""
        if "text/html" not in headers.get("accept", ""):
            return None
        rest = urlencode([(name, value) for name, value in query if name != "token"])
        # One slash at the front: two would lead to another host.
        place = "/" + scope["path"].lstrip("/") + (f"?{rest}" if rest else "")
        answer = RedirectResponse(place, 303)
        answer.set_cookie(COOKIE, self._token.decode(), httponly=True, samesite="strict", path="/")
        return answer

    def _is_ours(self, host: str) -> bool:
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower()
        except ValueError:
            return False
        if name in self._hosts:
            return True
        try:
            ipaddress.ip_address(name.partition("%")[0])
        except ValueError:
            return False
        return True

    def _is_known(self, headers: dict[str, str]) -> bool:
        """Whether the token comes as a bearer's, as the password of basic authentication, or in our cookie."""
        scheme, _, value = headers.get("authorization", "").partition(" ")
        match scheme.lower():
            case "bearer":
                return self._is_token(value.strip())
            case "basic":
                try:
                    given = base64.b64decode(value, validate=True).decode()
                except (binascii.Error, UnicodeDecodeError):
                    return False
                return self._is_token(given.partition(":")[2])
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return False
        return cookie is not None and self._is_token(cookie.value)

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(errors="replace"), self._token)

    def _size(self, headers: dict[str, str]) -> int:
        said = headers.get("content-length", "0")
        return int(said) if said.isascii() and said.isdigit() and len(said) < 20 else 0

    def _bounded(self, scope: Scope, receive: Receive) -> Receive:
        """The body as it comes, refused once it is longer than it may be: a chunked one does not say its size."""
        left = self._limit(scope["method"], scope["path"])

        async def bounded() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise HTTPException(413, "the body is too large")
            return message

        return bounded


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:  # `http://[`
        return ""


def _private(send: Send) -> Send:
    """Answers that no cache keeps, no page frames, and no browser takes for something else than they say."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = {name.lower() for name, _ in message.get("headers", [])}
            extra = [(name, value) for name, value in _HEADERS if name not in own]
            message = {**message, "headers": [*message.get("headers", []), *extra]}
        await send(message)

    return sending


_HEADERS = (
    (b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"), (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"), (b"cross-origin-resource-policy", b"same-origin"),
)  # fmt: skip
