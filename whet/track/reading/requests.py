"""Requests: what a served model was asked, one row a trace, with what people said of the answer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from whet.track.reading.spans import Span

Row = dict[str, Any]
FEEDBACK = "whet.feedback"
# So much of a text stands in a row.
_SHOWN = 200
_NAMED = {
    "model": "gen_ai.request.model", "adapter": "whet.adapter", "version": "whet.version", "key": "whet.key",
    "prompt_tokens": "gen_ai.usage.input_tokens", "answer_tokens": "gen_ai.usage.output_tokens",
    "cached_tokens": "gen_ai.usage.cache_read.input_tokens", "first_token_s": "whet.first_token_s",
    "cost": "whet.cost", "answer_id": "gen_ai.response.id",
}  # fmt: skip


def requests(spans: Iterable[Span]) -> list[Row]:
    """Traces by the span that comes first of all, the latest first. Of other programs' what the conventions name."""
    said: dict[str, list[Mapping[str, Any]]] = {}
    firsts: dict[str, Span] = {}
    for span in spans:
        if span.name == FEEDBACK:
            said.setdefault(str(span.attributes.get("gen_ai.response.id")), []).append(span.attributes)
        elif span.trace_id not in firsts or order_of(span) < order_of(firsts[span.trace_id]):
            firsts[span.trace_id] = span
    rows = [row_of(span) for span in firsts.values()]
    for row in rows:
        row["said"] = ", ".join(dict.fromkeys(map(word_of, said.get(str(row["answer_id"]), ()))))
    return sorted(rows, key=lambda row: -row["time"])


def order_of(span: Span) -> tuple[bool, int]:
    """The least of a trace is what it is told as: the one without a parent, else the one that began first."""
    return bool(span.parent_id), span.start_ns


def messages_of(text: Any) -> list[Row]:
    """Messages of a trace in the form of the conventions; of what is none, none."""
    with suppress(ValueError, TypeError, RecursionError):
        found = json.loads(text) if isinstance(text, str) else text
        return [dict(one) for one in found if isinstance(one, Mapping)]
    return []


def row_of(span: Span) -> Row:
    """A trace as a row, by the span that comes first."""
    about = span.attributes
    row: Row = {name: about.get(key) for name, key in _NAMED.items()}
    finish = about.get("gen_ai.response.finish_reasons")
    return {
        "id": span.trace_id, "time": span.start_ns / 1e9, "name": span.name, **row,
        "duration_s": (span.end_ns - span.start_ns) / 1e9,
        "status": "error" if span.status == "error" else "ok", "reason": span.message,
        "finish": ", ".join(map(str, finish)) if isinstance(finish, list | tuple) else finish, "said": "",
        "asked": _shown(about.get("gen_ai.input.messages")), "answered": _shown(about.get("gen_ai.output.messages")),
    }  # fmt: skip


def word_of(said: Mapping[str, Any]) -> str:
    """What somebody said of an answer, in a word."""
    label = said.get("whet.feedback.label")
    if label is not None:
        return "good" if label else "bad"
    return "better" if said.get("whet.feedback.better") else "worse"


def _shown(text: Any) -> str:
    """The last words of messages."""
    for message in reversed(messages_of(text)):
        parts = message.get("parts")
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, Mapping) and part.get("type") == "text":
                return str(part.get("content"))[:_SHOWN]
    return ""
