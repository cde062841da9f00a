"""Probes of tiny models, and rehearsals of how their runs end, made once a process.

tests/models and tests/train/setup/test_rehearsal.py prove them, and a test's steps take less time than they.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from whet.models.loading import pretrained
from whet.train import build
from whet.train.setup.rows import takes

_VERDICTS: dict[str, Any] = {}
_REHEARSED: set[Any] = set()


@pytest.fixture(scope="module", autouse=True)
def probed_once():
    with probed():
        yield


@pytest.fixture(scope="module", autouse=True)
def rehearsed_once():
    """One rehearsal stands for all with a tuner of its kind, on a model of its type, that learn from such rows."""
    real = build.rehearse

    def rehearse(trained: Any, *rest: Any) -> str | None:
        run, module = trained.run, trained.loaded.module
        key = run.tuner.kind, str(getattr(getattr(module, "config", None), "model_type", "")), takes(run)
        notice = None if key in _REHEARSED else real(trained, *rest)
        _REHEARSED.add(key)
        return notice

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "rehearse", rehearse)
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
