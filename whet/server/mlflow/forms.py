"""Params and tags as MLflow has them, which are texts, and as our configs do."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any


def pairs(values: Mapping[str, Any]) -> list[dict[str, str]]:
    """A mapping as MLflow lists params and tags."""
    return [{"key": name, "value": text_of(value)} for name, value in values.items()]


def text_of(value: Any) -> str:
    """A value as the text that MLflow has for it: that of `str` for what a client logged."""
    return value if isinstance(value, str) else json.dumps(value) if isinstance(value, dict | list) else str(value)


def param_of(text: str) -> Any:
    """The text of a param as a value of a config, so that filters can compare it, where `str` of it is the same."""
    for kind in (int, float):
        try:
            value = kind(text) if len(text) < 25 else None
        except ValueError:
            continue
        if value is not None and str(value) == text and math.isfinite(value):
            return value
    return {"True": True, "False": False}.get(text, text)
