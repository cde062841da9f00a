"""A request as those see it who decide whether it may be answered."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Protocol
from urllib.parse import parse_qsl

from starlette.responses import Response
from starlette.types import Scope

from whet.server.access.person import Person

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_DATA = ("/api/", "/ajax-api/", "/v1/", "/metrics")


@dataclass(frozen=True, slots=True)
class Asked:
    """Method, path, headers with lower-case names, query, and the address that it comes from."""

    method: str
    path: str
    headers: dict[str, str]
    query: list[tuple[str, str]]
    address: str

    @staticmethod
    def of(scope: Scope) -> Asked:
        """An ASGI scope of HTTP."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        client = scope.get("client")
        return Asked(scope["method"], scope["path"], headers, query, client[0] if client else "")

    @property
    def is_safe(self) -> bool:
        """Whether the method changes nothing."""
        return self.method in SAFE

    @property
    def is_of_page(self) -> bool:
        """Whether it is for the page itself, which holds nobody's data."""
        return self.is_safe and not self.path.startswith(_DATA)

    @property
    def secret(self) -> str:
        """What stands as a bearer's token, or as the password of basic authentication."""
        scheme, _, value = self.headers.get("authorization", "").partition(" ")
        match scheme.lower():
            case "bearer":
                return value.strip()
            case "basic":
                try:
                    return base64.b64decode(value, validate=True).decode().partition(":")[2]
                except (binascii.Error, UnicodeDecodeError):
                    return ""
        return ""

    def cookie(self, name: str) -> str:
        """The value of a cookie."""
        try:
            found = SimpleCookie(self.headers.get("cookie", "")).get(name)
        except CookieError:
            return ""
        return found.value if found else ""


class Placing(Protocol):
    """Projects of runs by name, as they were made through the server."""

    def find(self, run: str) -> str | None:
        """The project that a run was made in; None for one that was not made through the server."""
        ...

    def put(self, run: str, project: str) -> None:
        """Note it."""
        ...


class Access(Protocol):
    """Who is known, and what is said to those who are not."""

    @property
    def placing(self) -> Placing | None:
        """In which project runs were made, where that decides who may see them."""
        ...

    def person(self, asked: Asked) -> Person | None:
        """Who asks; None where that is not known. Raises Refusal for a request that somebody else made them send."""
        ...

    def stranger(self, asked: Asked) -> Response | None:
        """What is answered to somebody who is not known; None to let the request pass. Raises Refusal."""
        ...

    def note(self, asked: Asked, person: Person | None, status: int) -> None:
        """A request that changes something was answered."""
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...
