"""Boards for everybody: anyone reads boards, whoever has the token does everything."""

from __future__ import annotations

from starlette.responses import Response

from whet.server.access.asked import Asked
from whet.server.access.token import OneToken

_READ_BY_ALL = ("/api/v1/boards", "/api/v1/session")


class Public(OneToken):
    """One token, and boards that need none."""

    def stranger(self, asked: Asked) -> Response | None:
        is_board = any(asked.path == path or asked.path.startswith(f"{path}/") for path in _READ_BY_ALL)
        if (asked.is_of_page or (asked.is_safe and is_board)) and "token" not in dict(asked.query):
            return None
        return super().stranger(asked)
