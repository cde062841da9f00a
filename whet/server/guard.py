"""The guard before all routes: which host was asked for, from which page, by whom, and how large a body."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from whet.server.access import rules
from whet.server.access.asked import Access, Asked
from whet.server.access.person import Asking, Person, asked_by
from whet.server.errors import Refusal

Limit = Callable[[str, str], int]
# Who is not known has a name and a password to say at most; hundreds of large bodies at once would fill the memory.
STRANGERS_BYTES = 64 << 10
# So much of all bodies together is held in memory. What may be longer is streamed, and not held.
HELD_BYTES = 128 << 20
# When to come again where that is full.
LATER_S = 2


class Guard:
    """An ASGI app before another. `limit` gives the most bytes that the body of a method and path may have.

    A page of another site that makes a browser ask (DNS rebinding, cross-site requests) is known by its Host or its
    Origin: Host must be an address, a name of this machine's loopback or one of `hosts`, and Origin the same as Host.
    """

    def __init__(
        self, app: ASGIApp, access: Access, hosts: Iterable[str], limit: Limit, ending: Callable[[], None]
    ) -> None:
        self._app, self._access, self._limit, self._ending = app, access, limit, ending
        self._hosts = {"localhost", *(host.lower() for host in hosts)}
        self._held_bytes = 0

    def end(self) -> None:
        """End answers that go on by themselves. To be called in the app's loop, before it waits for those under way."""
        self._ending()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # there are no WebSockets here
            await send({"type": "websocket.close", "code": 1008})
            return
        asked, person = Asked.of(scope), None
        status = 500
        try:
            self._check_origin(asked)
            person = await run_in_threadpool(self._access.person, asked)
            status = await self._passed_on(asked, person, scope, receive, send)
        except Refusal as refusal:
            status = refusal.status
            await JSONResponse(refusal.body(), status, refusal.headers)(scope, receive, _private(send))
        finally:
            if not asked.is_safe:
                await run_in_threadpool(self._access.note, asked, person, status)

    async def _passed_on(self, asked: Asked, person: Person | None, scope: Scope, receive: Receive, send: Send) -> int:
        """The status of what was answered. Raises Refusal before anything is."""
        answer = self._access.stranger(asked) if person is None else None
        if answer is not None:
            await answer(scope, receive, _private(send))
            return answer.status_code
        counted = _Counted(_private(send))
        with asked_by(_admitted(asked, person)), self._bounded(self._most(asked, person), receive) as bounded:
            await self._app(scope, bounded, counted)
        return counted.status

    def _check_origin(self, asked: Asked) -> None:
        host, origin = asked.headers.get("host", ""), asked.headers.get("origin")
        if not self._is_ours(host):
            raise Refusal("PERMISSION_DENIED", f"this server is not called {ascii(host)}: start it with --name")
        if origin is not None and _netloc(origin) != host.lower():
            raise Refusal("PERMISSION_DENIED", "pages of other sites may not ask this server")

    def _most(self, asked: Asked, person: Person | None) -> int:
        """The most bytes of the body. Raises Refusal where it says that it has more."""
        most = self._limit(asked.method, asked.path) if person is not None else STRANGERS_BYTES
        if _size(asked.headers) > most:
            raise Refusal("TOO_LARGE", "the body is too large")
        return most

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

    @contextmanager
    def _bounded(self, most: int, receive: Receive) -> Iterator[Receive]:
        """The body as it comes, refused once it is longer than `most` (a chunked one does not say its size), or has
        no room beside those of others."""
        size, is_held = 0, most <= HELD_BYTES

        async def bounded() -> Message:
            nonlocal size
            message = await receive()
            more = len(message.get("body", b""))
            if size + more > most:
                raise HTTPException(413, "the body is too large")
            if is_held and self._held_bytes + more > HELD_BYTES:
                said = f"bodies of {HELD_BYTES >> 20} MiB are held already: send it again in {LATER_S} s"
                raise HTTPException(503, said, {"Retry-After": str(LATER_S)})
            size += more
            self._held_bytes += more if is_held else 0
            return message

        try:
            yield bounded
        finally:
            self._held_bytes -= size if is_held else 0


class _Counted:
    """What an answer is sent with, and its status."""

    def __init__(self, send: Send) -> None:
        self._send, self.status = send, 500

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)


def _admitted(asked: Asked, person: Person | None) -> Asking:
    """Who asks and with which role; somebody who is not known has none. Raises Refusal where theirs is too low."""
    role, is_everywhere = rules.needed(asked)
    known = person or Person("")
    if (known.everywhere if is_everywhere else known.highest) < role:
        where = " in all projects" if is_everywhere else ""
        raise Refusal("PERMISSION_DENIED", f"this needs the role {role.word}{where}")
    return Asking(known, role)


def _size(headers: dict[str, str]) -> int:
    said = headers.get("content-length", "0")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 20 else 0


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
