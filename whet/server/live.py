"""Live: what changes, told as it does: rows of the listing, points and events of a run. All viewers share a poll."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any

from whet.server.event_stream import HEARTBEAT, event
from whet.server.polls import Poll
from whet.track.reading.board import Board, Changes
from whet.track.reading.kept import Histories
from whet.track.reading.read import History

# After so long without news a viewer is told that the line stands.
HEARTBEAT_S = 15.0
# A stream ends after so long, and browsers ask again: whoever may no longer see it is refused then.
LONGEST_S = 600.0
# Whoever is so far behind in a run's logs is told to begin anew: curves in buckets cost less than all points.
FAR_BYTES = 4 << 20
# What was made for one viewer is kept for others, so many at once.
_MADE = 64

Cursor = Mapping[str, int]
Key = tuple[Any, ...]
Events = AsyncGenerator[bytes, None]
# An event for who has seen a version or a cursor, and what they have seen then.
Made = tuple[bytes, Any]


class Live:
    """The polls of a server. Each stream is an iterator of server-sent events, of which viewers of one `key`, who have
    asked for the same and may see the same, are told the same bytes."""

    def __init__(self, board: Board, histories: Histories) -> None:
        self._board, self._histories = board, histories
        self._rows = Poll(board.look)
        self._runs: dict[Path, Poll] = {}
        self._made: dict[Key, asyncio.Future[Made]] = {}
        self._is_closed = False

    def close(self) -> None:
        """End all streams, so that the server can end. To be called in the loop that they run in."""
        self._is_closed = True
        for poll in (self._rows, *self._runs.values()):
            poll.wake()

    async def rows(
        self, version: int | None, key: Key, body: Callable[[Changes], bytes]
    ) -> AsyncGenerator[bytes, None]:
        """`runs` events from a version of the board on; None is from now on."""
        if version is None:
            version = await asyncio.to_thread(self._board.look)

        def make(seen: int) -> Made:
            found = self._board.since(seen)
            return event("runs", body(found), str(found.version)), found.version

        async with aclosing(self._stream(self._rows, version, version, key, make)) as events:
            async for one in events:
                yield one

    async def news(
        self, folder: Path, cursor: Cursor | None, key: Key, body: Callable[[History, Cursor], bytes]
    ) -> Events:
        """`news` events of a run behind a cursor, or one `reload` with a new one; None is from now on."""
        value = await asyncio.to_thread(self._place, folder)
        place = value if cursor is None else None

        def make(seen: Cursor) -> Made:
            with self._histories.of(folder) as logs:
                told, newest = json.dumps({"cursor": logs.offsets}), logs.offsets
                if _is_far(seen, newest):
                    return event("reload", told.encode(), json.dumps(newest)), newest
                return event("news", body(logs, seen), json.dumps(newest)), newest

        seen = dict(value[1:]) if cursor is None else cursor
        poll = self._runs.setdefault(folder, Poll(partial(self._place, folder)))
        try:
            async with aclosing(self._stream(poll, place, seen, key, make)) as events:
                async for one in events:
                    yield one
        finally:
            if poll.num_viewers == 0 and self._runs.get(folder) is poll:
                del self._runs[folder]

    async def _stream(self, poll: Poll, value: Any, seen: Any, key: Key, make: Callable[[Any], Made]) -> Events:
        """Events each time that the poll has another value, and heartbeats."""
        until = time.monotonic() + LONGEST_S
        yield HEARTBEAT  # by which a browser knows that it is connected
        async with poll.watched():
            while not self._is_closed and time.monotonic() < until:
                now = await poll.after(value, HEARTBEAT_S)
                if now is None or now == value:
                    yield HEARTBEAT
                    continue
                value = now
                told, seen = await self._shared((*key, value, _hashable(seen)), partial(make, seen))
                yield told

    async def _shared(self, key: Key, make: Callable[[], Made]) -> Made:
        if key not in self._made:
            if len(self._made) >= _MADE:
                self._made.clear()
            self._made[key] = asyncio.ensure_future(asyncio.to_thread(make))
        making = self._made[key]
        try:
            return await asyncio.shield(making)
        except Exception:
            if self._made.get(key) is making:  # whoever asks again has another try
                del self._made[key]
            raise

    def _place(self, folder: Path) -> tuple[Any, ...]:
        """How a run stands, and how far each of its logs goes."""
        with self._histories.of(folder) as logs:
            return ((logs.status, logs.reason), *logs.offsets.items())


def _is_far(seen: Cursor, newest: Cursor) -> bool:
    """Whether too much lies between, or a log is not the one that was seen."""
    behind = [offset - seen.get(name, 0) for name, offset in newest.items()]
    return sum(behind) > FAR_BYTES or min(behind, default=0) < 0


def _hashable(seen: Any) -> Any:
    return tuple(sorted(seen.items())) if isinstance(seen, Mapping) else seen
