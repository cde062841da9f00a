"""Requests as a server records them, with their texts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from whet.track.logs.event_log import EventLog
from whet.track.reading.requests import FEEDBACK
from whet.track.reading.spans import KIND, WRITER, Span
from whet.track.reading.store import LOGS

BEGAN_NS = 1_700_000_000 * 10**9


def texts(role: str, *contents: str) -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": one}]} for one in contents])


def request(number: int, asked: str, *answers: str, version: str = "m/1", **more: Any) -> Span:
    """Without answers it is one whose text was not kept."""
    start = BEGAN_NS + number * 10**9
    about = {
        "gen_ai.request.model": "m", "gen_ai.response.id": f"answer-{number}", "whet.version": version, **more,
    }  # fmt: skip
    if answers:
        about |= {"gen_ai.input.messages": texts("user", asked), "gen_ai.output.messages": texts("assistant", *answers)}
    return Span(f"{number:032x}", f"{number:016x}", "", "chat m", "server", start, start + 10**8, attributes=about)


def said(number: int, of: int, **about: Any) -> Span:
    told = {f"whet.feedback.{name}": value for name, value in about.items()} | {"gen_ai.response.id": f"answer-{of}"}
    return Span(f"{number:032x}", f"{number:016x}", "", FEEDBACK, "internal", BEGAN_NS, BEGAN_NS, attributes=told)


def written(folder: Path, spans: Sequence[Span]) -> None:
    log = EventLog(folder / LOGS, WRITER)
    for one in spans:
        log.event_at(one.end_ns / 1e9, KIND, 0, one.to_dict())
    log.close("done", "")
