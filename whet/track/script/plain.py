"""Any value as standard JSON: numbers that JSON lacks become strings, strange objects their text."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence, Set
from typing import Any


def plain(value: Any) -> Any:
    """The value in JSON's own types. NaN and infinities become "NaN", "Infinity", "-Infinity"."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else _not_finite(value)
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, Sequence | Set) and not isinstance(value, bytes | bytearray):
        return [plain(entry) for entry in value]
    # Arrays and tensors of numpy and torch, which cannot be named here, turn into Python's types by themselves.
    return plain(value.tolist()) if hasattr(value, "tolist") else str(value)


def to_json(value: Any) -> bytes:
    """The value as one line of JSON in UTF-8."""
    value = plain(value)
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:  # half a surrogate pair, as a cut tokenizer output may hold, is no UTF-8
        return json.dumps(value, allow_nan=False).encode()


def _not_finite(value: float) -> str:
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
