"""What a served model was asked, as text for terminals."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from whet.base.units import figure
from whet.track.terminal.progress import printable
from whet.track.terminal.terminal_page import align

_MOST = 60
_HEAD = ("TIME", "MODEL", "ENDED", "TOOK", "FIRST", "PROMPT", "KNOWN", "ANSWER", "COST", "SAID", "ASKED")


def requests_page(rows: Sequence[Mapping[str, Any]], total: int) -> str:
    """A line a request, the latest first."""
    if not rows:
        return "no request is recorded here: `whet serve MODEL --record PROJECT` does that"
    more = [f"the first {len(rows):,} of {total:,}"] if len(rows) < total else []
    return "\n".join([align([_HEAD, *map(_line, rows)], right={3, 4, 5, 6, 7, 8}), *more])


def _line(row: Mapping[str, Any]) -> tuple[str, ...]:
    time = datetime.datetime.fromtimestamp(row["time"]).isoformat(" ", "seconds")
    ended = str(row["reason"] or "error") if row["status"] == "error" else str(row["finish"] or "")
    times = (_seconds(row["duration_s"]), _seconds(row["first_token_s"]))
    counts = (_number(row[name]) for name in ("prompt_tokens", "cached_tokens", "answer_tokens", "cost"))
    asked = " ".join(str(row["asked"]).split())[:_MOST]
    words = (time, str(row["model"] or row["name"]), ended, *times, *counts, str(row["said"]), asked)
    return tuple(printable(word) for word in words)


def _seconds(value: Any) -> str:
    return "" if value is None else f"{figure(value)} s"


def _number(value: Any) -> str:
    return "" if value is None else figure(value)
