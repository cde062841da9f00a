"""Heavy: answers that need what training needs, from a process of its own that starts when first asked, with limits.

So the server starts without torch, a tokenizer that crashes takes no other answer with it, and one that never comes
back is ended. What nobody waits for any more, since the client has gone, is not begun, and ended where others wait.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Annotated, Any

from anyio import from_thread
from fastapi import Depends, Request

from whet.base.workers import Outcome, Workers
from whet.server import heavy_calls
from whet.server.errors import Refusal, invalid
from whet.server.turns import AT_ONCE, Turns

# A call may take so long; its first one imports what it needs, which a busy machine or a slow disk makes a minute of.
TIMEOUT_S = 120.0
# So often it is looked whether the client is still there.
LOOK_S = 0.5
_CALLS: dict[str, Callable[..., Any]] = {
    call.__name__: call for call in (heavy_calls.row_texts, heavy_calls.token_texts, heavy_calls.data_page)
}
# Reasons of our own errors: what is wrong is the run's, and is said.
_SAID = ("WhetError", "ConfigError", "DataError", "ModelError", "RunError")


class Heavy:
    """Two processes at most, one for each answer that is waited for, and not too many who wait."""

    def __init__(self) -> None:
        self._workers: Workers | None = None
        self._lock = threading.Lock()
        self._turns = Turns()
        self._waited_for: set[Future[Outcome]] = set()

    def ask(self, call: Callable[..., Any], arguments: tuple[Any, ...], is_gone: Callable[[], bool]) -> Any:
        """What one of `heavy_calls` returns. Raises Refusal where it fails, takes too long, or too many wait."""
        with self._turns.counted():
            outcome = self._outcome(call.__name__, arguments, is_gone)
        if outcome.reason is None:
            return outcome.value
        if outcome.reason in _SAID:
            raise invalid(outcome.message.partition(": ")[2])
        if outcome.reason == "timeout":
            raise Refusal("TEMPORARILY_UNAVAILABLE", f"no answer after {TIMEOUT_S:g} s", hint="ask for fewer rows")
        raise Refusal("INTERNAL_ERROR", f"it cannot be read: {outcome.message[:300]}")

    def close(self) -> None:
        """End the processes."""
        with self._lock:
            if self._workers is not None:
                self._workers.close()
                self._workers = None

    def _outcome(self, name: str, arguments: tuple[Any, ...], is_gone: Callable[[], bool]) -> Outcome:
        has_left = threading.Event()
        with self._lock:
            if self._workers is None:
                self._workers = Workers(_CALLS, num=AT_ONCE)
            waiting = self._workers.submit(
                name, arguments, TIMEOUT_S, is_wanted=lambda: not (has_left.is_set() and self._is_queue())
            )
            self._waited_for.add(waiting)
        try:
            while True:
                try:
                    return waiting.result(LOOK_S)
                except TimeoutError:
                    if is_gone():
                        raise Refusal("TEMPORARILY_UNAVAILABLE", "whoever asked has gone") from None
        finally:
            has_left.set()
            waiting.cancel()
            with self._lock:
                self._waited_for.discard(waiting)

    def _is_queue(self) -> bool:
        """Whether somebody waits for a process."""
        with self._lock:
            return any(not one.running() and not one.done() for one in self._waited_for)


@dataclass(frozen=True, slots=True)
class Asker:
    """The processes, as one request asks them."""

    heavy: Heavy
    request: Request

    def ask(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """What one of `heavy_calls` returns, as long as the client waits for it. Raises Refusal."""
        return self.heavy.ask(call, arguments, self._is_gone)

    def _is_gone(self) -> bool:
        return from_thread.run(self.request.is_disconnected)


def heavy_of(request: Request) -> Asker:
    """The processes of the app of a request."""
    return Asker(request.app.state.heavy, request)


Asking = Annotated[Asker, Depends(heavy_of)]
