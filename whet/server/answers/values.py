"""Values that all answers share: numbers that may be none, and how an answer is written as JSON."""

from __future__ import annotations

import json
from typing import Any, Literal

from fastapi.responses import JSONResponse

from whet.track.script.plain import to_json

# JSON has no NaN and no infinities: they are texts, as everywhere in whet.
Number = float | Literal["NaN", "Infinity", "-Infinity"]


class Answer(JSONResponse):
    """JSON in which NaN and infinities are texts."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        try:  # at once where nothing is odd: long curves take a tenth of the time
            return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
        except (ValueError, TypeError):
            return to_json(content)
