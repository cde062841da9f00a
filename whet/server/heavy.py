"""Heavy: answers that need what training needs, from a process of its own that starts when first asked, with limits.

So the server starts without torch, a tokenizer that crashes takes no other answer with it, and one that never comes
back is ended.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, Request

from whet.base.workers import Workers
from whet.server import heavy_calls
from whet.server.errors import Refusal, invalid

# A call may take so long; its first one imports what it needs.
TIMEOUT_S = 60.0
_CALLS: dict[str, Callable[..., Any]] = {
    call.__name__: call for call in (heavy_calls.row_texts, heavy_calls.token_texts, heavy_calls.data_page)
}
# Reasons of our own errors: what is wrong is the run's, and is said.
_SAID = ("WhetError", "ConfigError", "DataError", "ModelError", "RunError")


class Heavy:
    """Two processes at most, one for each answer that is waited for."""

    def __init__(self) -> None:
        self._workers: Workers | None = None
        self._lock = threading.Lock()

    def ask(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """What one of `heavy_calls` returns. Raises Refusal where it fails or takes too long."""
        with self._lock:
            if self._workers is None:
                self._workers = Workers(_CALLS, num=2)
            waiting = self._workers.submit(call.__name__, arguments, TIMEOUT_S)
        outcome = waiting.result()
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


def heavy_of(request: Request) -> Heavy:
    """The processes of the app of a request."""
    return request.app.state.heavy


Asking = Annotated[Heavy, Depends(heavy_of)]
