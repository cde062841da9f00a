"""Polls: one look at something for all who watch it, begun with the first of them and ended with the last."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

# Between two looks, at least; and looks take this share of the time at most.
EVERY_S, SHARE = 1.0, 0.02


class Poll:
    """`look` is called in a thread again and again, and what it returns compared with what it returned before."""

    def __init__(self, look: Callable[[], Any]) -> None:
        self._look = look
        self.num_viewers = 0
        self.value: Any = None
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Looks go on inside the block."""
        self.num_viewers += 1
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            self.num_viewers -= 1
            if self.num_viewers == 0:
                self._task.cancel()
                self._task = None

    async def after(self, value: Any, patience_s: float) -> Any:
        """What is seen as soon as it is another than `value`; else what is seen when woken, or after so many seconds.

        Raises what a look raised.
        """
        if self.value == value or self.value is None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), patience_s)
        if self._task is not None and self._task.done():
            await self._task
        return self.value

    async def _run(self) -> None:
        try:
            while True:
                begun = time.monotonic()
                value = await asyncio.to_thread(self._look)
                if value != self.value:
                    self.value = value
                    self.wake()
                await asyncio.sleep(max(EVERY_S, (time.monotonic() - begun) / SHARE))
        finally:
            self.wake()

    def wake(self) -> None:
        """Let everybody look at the value now."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
