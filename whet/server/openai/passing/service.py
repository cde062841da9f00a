"""What stands for a service where another engine answers: names, what is kept, figures, and who watches the engine."""

from __future__ import annotations

import time
from collections.abc import Sequence

from whet.generate.servers.supervisor import Supervisor
from whet.generate.serving.figures import Figures
from whet.server.openai.feedback import FeedbackFiles
from whet.server.openai.kept import Kept
from whet.server.openai.names import adapter_named
from whet.server.openai.refused import Refused

# Where an engine has a path by another name than we do.
_PATHS = {"vllm": {"/v1/classify": "/classify"}}


class PassedFigures(Figures):
    """Figures of answers that others make: tokens are those that the answers tell, and times are of their pieces."""

    def timed(self, seconds: float, *, is_first: bool) -> None:
        with self._lock:
            (self.first_s if is_first else self.between_s).add(seconds)

    def used(self, num_read: int, num_made: int) -> None:
        """Tokens of an answer."""
        with self._lock:
            self.num_prompt += num_read
            self.num_generated += num_made


class PassingService:
    """A model that another engine serves (what the routes of keys, feedback, health and figures read of a service)."""

    context = None
    recorder = None  # traces are of answers that are made here
    lost = ""  # an engine that ends is started again

    def __init__(
        self, supervisor: Supervisor, name: str, adapters: Sequence[str], *, most_open: int, timeout_s: float,
        feedback: FeedbackFiles | None = None,
    ) -> None:  # fmt: skip
        self.supervisor = supervisor
        self.names, self.adapters = (name,), tuple(adapters)
        self.created, self.timeout_s, self.feedback = int(time.time()), timeout_s, feedback
        self.chats, self.figures = Kept("completion"), PassedFigures()
        self._most_open, self._num_open, self._is_ending = most_open, 0, False

    @property
    def engine(self) -> str:
        """The engine's name."""
        return self.supervisor.engine

    @property
    def is_failing(self) -> bool:
        """Whether the engine is being started again."""
        return not self.supervisor.is_ready

    def adapter(self, model: str | None) -> str | None:
        """The adapter that a request's `model` means; None for the base model. Raises Refused for another one."""
        return adapter_named(model, self.names, self.adapters)

    def path(self, ours: str) -> str:
        """The engine's path for one of ours."""
        return _PATHS.get(self.engine, {}).get(ours, ours)

    def begin(self) -> None:
        """Count a request. Raises Refused where it cannot be taken."""
        if self._is_ending or not self.supervisor.is_ready:
            said = "the server is ending" if self._is_ending else f"{self.engine} is started again: ask in a moment"
            raise Refused(said, status=503, code="overloaded", wait_s=5.0)
        if self._num_open >= self._most_open:
            said = f"{self._num_open} requests are under way or wait already"
            raise Refused(said, status=429, code="rate_limit_exceeded", wait_s=1.0)
        self._num_open += 1
        self.figures.seen(self._num_open, 0)

    def end(self) -> None:
        """The request has ended."""
        self._num_open -= 1
        self.figures.seen(self._num_open, 0)

    def drain(self) -> None:
        """Take no more requests."""
        self._is_ending = True

    def close(self) -> None:
        """End the engine."""
        self.supervisor.stop()
