"""Params and tags as MLflow has them, which are texts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def pairs(values: Mapping[str, Any]) -> list[dict[str, str]]:
    """A mapping as MLflow lists params and tags."""
    return [{"key": name, "value": text_of(value)} for name, value in values.items()]


def text_of(value: Any) -> str:
    """A value as the text that MLflow has for it: that of `str` for what a client logged."""
    return value if isinstance(value, str) else json.dumps(value) if isinstance(value, dict | list) else str(value)
