"""Probes of tiny models, made once a process: tests/models proves them, and a test's steps take less time than they."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from whet.models import pretrained

_VERDICTS: dict[str, Any] = {}


@pytest.fixture(scope="module", autouse=True)
def probed_once():
    with probed():
        yield


@contextmanager
def probed() -> Iterator[None]:
    """Inside, the verdict on an architecture with a tuner of these settings is kept, wherever its folder lies."""
    real = pretrained.verdict_of

    def verdict_of(spec: Any, config: Any, context: Any) -> Any:
        values = json.loads(config.to_json_string(use_diff=False))
        values.pop("_name_or_path", None)
        tuner = context.tuner
        key = repr((spec.allow_code, values, type(tuner), tuner and vars(tuner)))
        if " object at 0x" in key:
            return real(spec, config, context)
        if key not in _VERDICTS:
            _VERDICTS[key] = real(spec, config, context)
        return _VERDICTS[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pretrained, "verdict_of", verdict_of)
        yield
