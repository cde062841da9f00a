"""The client of a server's push routes, over http.client: one connection, made anew where it breaks."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from whet.track.push.address import Address

# How long one answer is waited for.
TIMEOUT_S = 60.0
_ANSWER_BYTES = 64 << 20

Value = TypeVar("Value")


class Unreachable(Exception):
    """The server cannot be reached, or does not answer as one."""


class Refused(Exception):
    """The server refuses. `more` is what it says beside the message."""

    def __init__(self, status: int, message: str, more: dict[str, Any]) -> None:
        super().__init__(message)
        self.status, self.message, self.more = status, message, more

    @property
    def is_passing(self) -> bool:
        """Whether the same may be taken later: the server has trouble of its own."""
        return self.status >= 500


def told_of(answer: Mapping[str, Any], name: str, kind: type[Value]) -> Value:
    """What an answer must hold. Raises Unreachable where it does not: another program gave it."""
    found = answer.get(name)
    if not isinstance(found, kind):
        raise Unreachable(f"what answers there is no server of whet's: its answer has no `{name}`")
    return found


class Client:
    """Requests to one server."""

    def __init__(self, address: Address, timeout_s: float = TIMEOUT_S) -> None:
        self.address, self._timeout_s = address, timeout_s
        self._connection: http.client.HTTPConnection | None = None

    def ask(self, method: str, route: str, body: bytes = b"", **query: Any) -> dict[str, Any]:
        """The JSON that a route answers; `route` is quoted here. Raises Unreachable or Refused."""
        target = f"{self.address.path}/api/v1/push/{quote(route)}{f'?{urlencode(query)}' if query else ''}"
        headers = {"Authorization": f"Bearer {self.address.token}", "Content-Type": "application/octet-stream"}
        try:
            connection = self._connected()
            connection.request(method, target, body, headers)
            answer = connection.getresponse()
            data = answer.read(_ANSWER_BYTES)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Unreachable(f"{self.address} cannot be reached: {error}") from None
        return self._read(answer.status, data)

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _read(self, status: int, data: bytes) -> dict[str, Any]:
        try:
            found = json.loads(data)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            self.close()
            raise Unreachable(f"{self.address} answers with status {status} and is no server of whet's")
        if status >= 300:
            raise Refused(status, str(found.get("message") or f"status {status}"), found)
        return found

    def _connected(self) -> http.client.HTTPConnection:
        if self._connection is None:
            kind = http.client.HTTPSConnection if self.address.scheme == "https" else http.client.HTTPConnection
            self._connection = kind(self.address.host, self.address.port, timeout=self._timeout_s)
        return self._connection
