"""Answers that are kept for whoever asked for them, by id, in memory: as many as there is room for."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from whet.server.openai.refused import Refused
from whet.track.script.plain import to_json

MOST_BYTES = 64 << 20
_PAGE = 100


@dataclass(frozen=True, slots=True)
class _One:
    owner: str
    body: Mapping[str, Any]
    num_bytes: int


class Kept:
    """Answers of one kind, oldest first; beyond so many bytes of JSON the oldest go. Any thread may use it.

    Whoever is not the `owner` of one is told that there is none.
    """

    def __init__(self, what: str, most_bytes: int = MOST_BYTES) -> None:
        self._what, self._most, self._num_bytes = what, most_bytes, 0
        self._all: dict[str, _One] = {}
        self._lock = threading.Lock()

    def put(self, owner: str, id: str, body: Mapping[str, Any]) -> None:
        """Keep one, or another body of the same one. One that is larger than all the room is not kept."""
        one = _One(owner, body, len(to_json(body)))
        if one.num_bytes > self._most:
            return
        with self._lock:
            if (before := self._all.get(id)) is not None:
                self._num_bytes -= before.num_bytes
            self._all[id] = one
            self._num_bytes += one.num_bytes
            while self._num_bytes > self._most:
                self._num_bytes -= self._all.pop(next(iter(self._all))).num_bytes

    def get(self, owner: str, id: str, param: str | None = None) -> Mapping[str, Any]:
        """One of the owner's. Raises Refused (404) where there is none."""
        with self._lock:
            return self._own(owner, id, param).body

    def drop(self, owner: str, id: str) -> None:
        """Forget one. Raises Refused (404) where there is none."""
        with self._lock:
            self._num_bytes -= self._own(owner, id, None).num_bytes
            del self._all[id]

    def listed(self, owner: str) -> list[Mapping[str, Any]]:
        """All of the owner's, oldest first."""
        with self._lock:
            return [one.body for one in self._all.values() if one.owner == owner]

    def _own(self, owner: str, id: str, param: str | None) -> _One:
        one = self._all.get(id)
        if one is None or one.owner != owner:
            said = f"there is no {self._what} `{id[:80]}`: it was not stored, or has made room for later ones"
            raise Refused(said, status=404, code="not_found", param=param)
        return one


def page_of(entries: Sequence[Mapping[str, Any]], after: str | None, limit: int, order: str) -> dict[str, Any]:
    """A page of entries (oldest first) as OpenAI's lists are, behind the one whose id is `after`.

    Raises Refused for an order or a limit that is none, and where `after` is not among them.
    """
    if order not in ("asc", "desc"):
        raise Refused(f"there is no order `{order[:20]}`: asc or desc", param="order", code="invalid_value")
    if not 1 <= limit <= _PAGE:
        raise Refused(f"`limit` is {limit}: from 1 to {_PAGE}", param="limit", code="invalid_value")
    found = list(entries) if order == "asc" else list(reversed(entries))
    ids = [one["id"] for one in found]
    if after is not None:
        if after not in ids:
            raise Refused(f"there is no `{after[:80]}` in this list", param="after", code="invalid_value")
        found = found[ids.index(after) + 1 :]
    page = found[:limit]
    return {
        "object": "list", "data": page, "has_more": len(found) > limit,
        "first_id": page[0]["id"] if page else None, "last_id": page[-1]["id"] if page else None,
    }  # fmt: skip
