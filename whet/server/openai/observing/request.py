"""One request that is observed: when it waited, was read and was answered, and the spans that this comes to.

Attributes are those of OpenTelemetry's semantic conventions for generative AI (1.38) where they have one, and begin
with `whet.` elsewhere.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from whet.generate.serving.request import Handle
from whet.track.reading.spans import Span

SCOPE = "whet.serve"
# How an answer has ended whose client went before its end.
CANCELLED = "cancelled"
# The moments of so many tokens of an answer are kept; those of a longer one are thinned out evenly.
MOST_MOMENTS = 512


@dataclass(frozen=True, slots=True)
class Price:
    """Money for a million tokens: of prompts, of answers, and of prompts that were known already."""

    prompt: float
    answer: float
    cached: float

    def of(self, num_prompt: int, num_cached: int, num_answer: int) -> float:
        """What a request costs."""
        fresh = (num_prompt - num_cached) * self.prompt
        return (fresh + num_cached * self.cached + num_answer * self.answer) / 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What is known of a request as it begins. `messages` are None where no text is kept."""

    operation: str
    model: str
    adapter: str | None
    key: str
    n: int
    messages: Sequence[Mapping[str, Any]] | None = None
    tools: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


class Observed:
    """A request from its beginning to its end. `told` is called by the engine's thread, all else by one other."""

    def __init__(
        self, about: About, price: Price | None, done: Callable[[list[Span]], None], version: str | None = None
    ) -> None:
        self._about, self._price, self._done, self._version = about, price, done, version
        self._began_ns = time.time_ns()
        self._moments: dict[int, list[int]] = {}
        self.response_id = ""
        self.trace_id, self._span_id = secrets.token_hex(16), secrets.token_hex(8)

    def told(self, place: int) -> None:
        """A part of the answer at a place has come."""
        self._moments.setdefault(place, []).append(time.time_ns())

    def end(self, handles: Sequence[Handle], error: BaseException | None) -> None:
        """No more comes: tell the spans."""
        end_ns = time.time_ns()
        if isinstance(error, asyncio.CancelledError | GeneratorExit):  # whoever asked has gone, which is no failure
            error = None
        parts = [span for place, one in enumerate(handles) for span in self._parts(place, one, end_ns)]
        self._done([self._root(handles, error, end_ns), *parts])

    def _root(self, handles: Sequence[Handle], error: BaseException | None, end_ns: int) -> Span:
        firsts = handles[:: self._about.n]
        num_prompt = sum(len(one.request.ids) for one in firsts)
        num_cached = sum(one.num_cached for one in firsts)
        num_answer = sum(len(moments) for moments in self._moments.values())
        first_ns = min((moments[0] for moments in self._moments.values()), default=None)
        told = self._asked(handles) | {
            "gen_ai.usage.input_tokens": num_prompt, "gen_ai.usage.output_tokens": num_answer,
            "gen_ai.usage.cache_read.input_tokens": num_cached, **self._about.facts,
        }  # fmt: skip
        if error is None:
            ended = [CANCELLED if one.completion is None else one.completion.finish for one in handles]
            told["gen_ai.response.finish_reasons"] = ended
        told |= {"gen_ai.response.id": self.response_id} if self.response_id else {}
        told |= {"whet.version": self._version} if self._version else {}
        told |= {"whet.first_token_s": (first_ns - self._began_ns) / 1e9} if first_ns is not None else {}
        told |= {"whet.cost": self._price.of(num_prompt, num_cached, num_answer)} if self._price else {}
        told |= {"error.type": type(error).__name__} if error is not None else {}
        return Span(
            self.trace_id, self._span_id, "", f"{self._about.operation} {self._about.model}", "server", self._began_ns,
            end_ns, "unset" if error is None else "error", _reason(error), told | self._texts(handles), scope=SCOPE,
        )  # fmt: skip

    def _asked(self, handles: Sequence[Handle]) -> dict[str, Any]:
        about, asked = self._about, handles[0].request.settings
        found: dict[str, Any] = {
            "gen_ai.operation.name": about.operation, "gen_ai.provider.name": "whet",
            "gen_ai.request.model": about.model, "gen_ai.response.model": about.model,
            "gen_ai.request.max_tokens": asked.max_new_tokens, "gen_ai.request.temperature": asked.temperature,
            "gen_ai.request.top_p": asked.top_p, "gen_ai.request.top_k": asked.top_k, "gen_ai.request.seed": asked.seed,
            "gen_ai.request.choice.count": about.n, "whet.key": about.key,
        }  # fmt: skip
        found |= {"gen_ai.request.stop_sequences": list(asked.stop)} if asked.stop else {}
        return found | ({"whet.adapter": about.adapter} if about.adapter else {})

    def _texts(self, handles: Sequence[Handle]) -> dict[str, str]:
        """What was asked and answered, where that is kept."""
        about = self._about
        if about.messages is None:
            return {}
        answers = [
            {"role": "assistant", "parts": [_text(one.completion.text)], "finish_reason": one.completion.finish}
            for one in handles
            if one.completion is not None
        ]
        found = {
            "gen_ai.input.messages": _json([_message(one) for one in about.messages]),
            "gen_ai.output.messages": _json(answers),
        }  # fmt: skip
        return found | ({"gen_ai.tool.definitions": about.tools} if about.tools else {})

    def _parts(self, place: int, one: Handle, end_ns: int) -> list[Span]:
        """The stretches of one answer: it waits, its prompt is read, its tokens come."""
        moments = self._moments.get(place, [])
        admitted_ns = one.admitted_ns or end_ns
        first_ns = moments[0] if moments else end_ns
        found = [self._part("wait", place, self._began_ns, admitted_ns)]
        if one.admitted_ns:
            cached = {"whet.tokens": len(one.request.ids), "whet.cached": one.num_cached}
            found.append(self._part("prompt", place, admitted_ns, first_ns, cached))
        if moments:
            stride = -(-len(moments) // MOST_MOMENTS)
            told = [round((moment - first_ns) / 1e6, 2) for moment in moments[::stride]]
            about = {"whet.tokens": len(moments), "whet.moments_ms": told, "whet.stride": stride}
            found.append(self._part("answer", place, first_ns, moments[-1], about))
        return found

    def _part(self, name: str, place: int, start_ns: int, end_ns: int, about: Mapping[str, Any] | None = None) -> Span:
        told = {"whet.choice": place, **(about or {})}
        end_ns = max(start_ns, end_ns)
        return Span(
            self.trace_id, secrets.token_hex(8), self._span_id, name, "internal", start_ns, end_ns, attributes=told,
            scope=SCOPE,
        )  # fmt: skip


def _message(given: Mapping[str, Any]) -> dict[str, Any]:
    """A message in the form of the conventions."""
    role, content = str(given.get("role")), given.get("content")
    if role == "tool":
        id = given.get("tool_call_id")
        return {"role": role, "parts": [{"type": "tool_call_response", "id": id, "response": content}]}
    parts = [_text(content)] if content else []
    for call in given.get("tool_calls") or ():
        function = call["function"]
        parts.append({"type": "tool_call", "id": call.get("id"), **function})
    return {"role": role, "parts": parts}


def _text(content: Any) -> dict[str, Any]:
    return {"type": "text", "content": content}


def _json(value: Any) -> str:
    """Half a surrogate pair is written as its escape."""
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isascii() or _is_whole(text) else json.dumps(value)


def _is_whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _reason(error: BaseException | None) -> str:
    """Why there is no answer, in our own words; what is in other errors may be of the text."""
    return "" if error is None else str(getattr(error, "message", type(error).__name__))[:500]
