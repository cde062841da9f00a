"""Probes of tiny models, rehearsals of how their runs end, and answers of their results, made once.

tests/models, tests/train/setup/test_rehearsal.py and tests/export prove them, and a test's steps take less time than
they.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from whet.export.quantizing import coding
from whet.models.loading import pretrained
from whet.train import api, build
from whet.train.setup.rows import takes

# What a config says of its files beside the architecture.
_OF_FILES = ("_name_or_path", "quantization_config")
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
        key = _likeness(trained)
        notice = None if key in _REHEARSED else real(trained, *rest)
        _REHEARSED.add(key)
        return notice

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "rehearse", rehearse)
        yield


@pytest.fixture(scope="module", autouse=True)
def answered_once():
    """Of the results of a file's runs that are alike as above, one is compared with its model by what both answer.

    The logits of all of them are compared.
    """
    real, answered = api.write_result, set()

    def write_result(trained: Any, folder: Any) -> None:
        key = _likeness(trained)
        real(trained, folder, continues=key not in answered)
        answered.add(key)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api, "write_result", write_result)
        yield


def _likeness(trained: Any) -> Any:
    run, module = trained.run, trained.loaded.module
    return run.tuner.kind, str(getattr(getattr(module, "config", None), "model_type", "")), takes(run)


@contextmanager
def probed() -> Iterator[None]:
    """Inside, the verdict on an architecture with a tuner of these settings is kept, wherever its folder lies.

    Heads and features have no part in a probe: its twin is a language model that the tuner alone has prepared.
    """
    real = pretrained.verdict_of

    def verdict_of(spec: Any, config: Any, context: Any) -> Any:
        values = json.loads(config.to_json_string(use_diff=False))
        for name in _OF_FILES:
            values.pop(name, None)
        tuner = context.tuner
        key = repr((spec.allow_code, values, type(tuner), tuner and vars(tuner)))
        if " object at 0x" in key:
            return real(spec, config, context)
        if key not in _VERDICTS:
            _VERDICTS[key] = real(spec, config, context)
        return _VERDICTS[key]

    with pytest.MonkeyPatch.context() as patch:
        for module in (pretrained, coding):
            patch.setattr(module, "verdict_of", verdict_of)
        yield
