"""Which requests are observed, and where their spans go: into the store, to a collector. Nobody waits for either."""

from __future__ import annotations

import queue
import random
import secrets
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from whet.server.openai.observing.request import About, Observed, Price
from whet.track.reading.requests import FEEDBACK
from whet.track.reading.spans import Span

# Takes the spans of some requests. What it raises is counted as lost.
Sink = Callable[[list[Span]], None]
# So many requests wait to be written; what comes then is lost, and counted.
_WAITING = 4096
# So many go at once, as long as more wait.
_AT_ONCE = 64


class Recorder:
    """A share of all requests, handed to sinks by a thread of its own.

    `keeps_text` says whether prompts and answers are part of it. `lost` requests could not be handed on.
    """

    def __init__(
        self, sinks: Sequence[Sink], *, sample: float = 1.0, keeps_text: bool = False, price: Price | None = None,
        versions: Mapping[str | None, str] | None = None, closing: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        """`versions` are what the model (None) and its adapters by name mean exactly; `closing` is called once
        everything is handed on."""
        self._versions = versions or {}
        self.keeps_text, self.lost = keeps_text, 0
        self._sinks, self._sample, self._price, self._closing = sinks, sample, price, closing
        self._draws = random.Random()
        self._queue: queue.Queue[list[Span] | None] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._work, name="whet-recorder", daemon=True)
        self._thread.start()

    def begin(self, about: Callable[[], About]) -> Observed | None:
        """A request begins. None where it is not among those that are sampled: then `about` is not asked."""
        if self._sample < 1 and self._draws.random() >= self._sample:
            return None
        told = about()
        return Observed(told, self._price, self._add, self._versions.get(told.adapter))

    def said(self, row: Mapping[str, Any], id: str) -> None:
        """What somebody has said of an answer: it stands beside the request that it is of, without their words where
        no text is kept."""
        source = {name: value for name, value in row["source"].items() if self.keeps_text or name != "comment"}
        if self.keeps_text and "chosen" in row and "better_than" not in source:
            source["correction"] = row["chosen"][0]["content"]
        self._add([feedback_span(id, {**row, "source": source})])

    def close(self) -> None:
        """Hand on what waits, and end."""
        self._queue.put(None)
        self._thread.join(timeout=10)
        if self._closing is not None:
            self._closing()

    def _add(self, spans: list[Span]) -> None:
        try:
            self._queue.put_nowait(spans)
        except queue.Full:
            self._lose(1, "more requests end than can be written")

    def _work(self) -> None:
        while (first := self._queue.get()) is not None:
            taken, is_last = [first], False
            with suppress(queue.Empty):
                while len(taken) < _AT_ONCE:
                    more = self._queue.get_nowait()
                    if more is None:
                        is_last = True
                        break
                    taken.append(more)
            for sink in self._sinks:
                try:
                    sink([span for spans in taken for span in spans])
                except Exception as error:  # whatever a disk or a collector does, answers go on
                    self._lose(len(taken), str(error) or type(error).__name__)
            if is_last:
                return

    def _lose(self, num: int, why: str) -> None:
        if not self.lost:
            print(f"a request is not recorded: {why} (said once)", file=sys.stderr, flush=True)
        self.lost += num


def feedback_span(id: str, row: Mapping[str, Any]) -> Span:
    """What is said of an answer, as a span of a trace of its own that names the answer."""
    now, source = time.time_ns(), row["source"]
    told = {name: value for name, value in source.items() if value is not None}
    about = {f"whet.feedback.{name}": value for name, value in told.items() if name != "id"}
    about |= {"whet.feedback.label": row["label"]} if "label" in row else {"whet.feedback.better": source["id"] == id}
    about["gen_ai.response.id"] = id
    return Span(secrets.token_hex(16), secrets.token_hex(8), "", FEEDBACK, "internal", now, now, attributes=about)
