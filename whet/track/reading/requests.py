"""Requests: what a served model was asked, one row a trace, with what people said of the answer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from whet.track.reading.spans import Span

Row = dict[str, Any]
FEEDBACK = "whet.feedback"
# So much of a text stands in a row.
_SHOWN = 200
_NAMED = {
    "model": "gen_ai.request.model", "adapter": "whet.adapter", "key": "whet.key",
    "prompt_tokens": "gen_ai.usage.input_tokens", "answer_tokens": "gen_ai.usage.output_tokens",
    "cached_tokens": "gen_ai.usage.cache_read.input_tokens", "first_token_s": "whet.first_token_s",
    "cost": "whet.cost", "answer_id": "gen_ai.response.id",
}  # fmt: skip


def requests(spans: Sequence[Span]) -> list[Row]:
    """Traces by their first span, the latest first. Those of other programs have what the conventions name."""
    said = _said(spans)
    ids = {(span.trace_id, span.span_id) for span in spans}
    firsts: dict[str, Span] = {}
    for span in spans:
        if span.name != FEEDBACK and (not span.parent_id or (span.trace_id, span.parent_id) not in ids):
            firsts.setdefault(span.trace_id, span)
    rows = [_row(span, said.get(str(span.attributes.get("gen_ai.response.id")), [])) for span in firsts.values()]
    return sorted(rows, key=lambda row: -row["time"])


def messages_of(text: Any) -> list[Row]:
    """Messages of a trace in the form of the conventions; of what is none, none."""
    with suppress(ValueError, TypeError, RecursionError):
        found = json.loads(text) if isinstance(text, str) else text
        return [dict(one) for one in found if isinstance(one, Mapping)]
    return []


def _row(span: Span, said: Sequence[Mapping[str, Any]]) -> Row:
    about = span.attributes
    row: Row = {name: about.get(key) for name, key in _NAMED.items()}
    finish = about.get("gen_ai.response.finish_reasons")
    return {
        "id": span.trace_id, "time": span.start_ns / 1e9, "name": span.name, **row,
        "duration_s": (span.end_ns - span.start_ns) / 1e9,
        "status": "error" if span.status == "error" else "ok", "reason": span.message,
        "finish": ", ".join(map(str, finish)) if isinstance(finish, list | tuple) else finish,
        "said": ", ".join(dict.fromkeys(map(_word, said))),
        "asked": _shown(about.get("gen_ai.input.messages")), "answered": _shown(about.get("gen_ai.output.messages")),
    }  # fmt: skip


def _said(spans: Sequence[Span]) -> dict[str, list[Mapping[str, Any]]]:
    """What people said, by the answer that it is of."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for span in spans:
        if span.name == FEEDBACK:
            found.setdefault(str(span.attributes.get("gen_ai.response.id")), []).append(span.attributes)
    return found


def _word(said: Mapping[str, Any]) -> str:
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
