"""Pages of a long answer: a token says where the next one begins."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from whet.server.errors import invalid
from whet.server.mlflow.requests import Asked


def page(found: Sequence[Any], asked: Asked, default: int, most: int) -> tuple[Sequence[Any], dict[str, str]]:
    """The part of a list that `max_results` and `page_token` ask for, and the token of the next part."""
    size = asked.whole("max_results", default) or default
    if not 0 < size <= most:
        raise invalid(f"Invalid value for request parameter max_results. It must be at most {most}, but got {size}")
    start = _start(asked.optional("page_token"))
    end = start + size
    return found[start:end], {"next_page_token": _token(end)} if end < len(found) else {}


def _token(place: int) -> str:
    return base64.b64encode(f'{{"offset": {place}}}'.encode()).decode()


def _start(token: str | None) -> int:
    if token is None:
        return 0
    try:
        text = base64.b64decode(token, validate=True).decode()
        place = int(text.removeprefix('{"offset": ').removesuffix("}"))
    except (binascii.Error, ValueError):
        raise invalid("Invalid page token, could not be read") from None
    if place < 0:
        raise invalid("Invalid page token, could not be read")
    return place


def ordered(found: Sequence[Any], keys: Sequence[tuple[Any, bool]]) -> list[Any]:
    """A list by several keys (function, whether it descends), the first one foremost; what has none comes last."""
    rows = list(found)
    for key, descends in reversed(keys):
        known = [row for row in rows if key(row) is not None]
        unknown = [row for row in rows if key(row) is None]
        rows = sorted(known, key=key, reverse=descends) + unknown
    return rows
