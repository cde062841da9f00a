"""Probes of tiny models, rehearsals of how their runs end, and comparisons of their results, made once.

tests/models, tests/train/setup/test_rehearsal.py and tests/export prove them, and a test's steps take less time than
they.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from tests.nursery import within
from whet.export.quantizing import coding
from whet.models.loading import pretrained
from whet.train import api, build, result
from whet.train.setup.rows import takes

# What a config says of its files beside the architecture.
_OF_FILES = ("_name_or_path", "quantization_config")
_VERDICTS: dict[str, Any] = {}
_REHEARSED: set[Any] = set()
_REPORTS: dict[Any, Any] = {}


@pytest.fixture(scope="module", autouse=True)
def probed_once():
    with within(partial(probed, _VERDICTS)):
        yield


@pytest.fixture(scope="module", autouse=True)
def rehearsed_once():
    """One rehearsal stands for all with a tuner of its kind, on a model of its type, that learn from such rows."""
    with within(partial(_rehearsed, _REHEARSED)):
        yield


@pytest.fixture(scope="module", autouse=True)
def answered_once(request: pytest.FixtureRequest):
    """Of the results of runs that are alike as above, one is compared with its model, and its report stands for all.

    Where a file has `COMPARED = True` the logits of all are compared, and what one answers.
    """
    is_compared = getattr(request.module, "COMPARED", False)
    with within(partial(_answered, {} if is_compared else _REPORTS, is_compared)):
        yield


@contextmanager
def probed(verdicts: dict[str, Any]) -> Iterator[None]:
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
        if key not in verdicts:
            verdicts[key] = real(spec, config, context)
        return verdicts[key]

    with pytest.MonkeyPatch.context() as patch:
        for module in (pretrained, coding):
            patch.setattr(module, "verdict_of", verdict_of)
        yield


@contextmanager
def _rehearsed(likenesses: set[Any]) -> Iterator[None]:
    real = build.rehearse

    def rehearse(trained: Any, *rest: Any) -> str | None:
        key = _likeness(trained)
        notice = None if key in likenesses else real(trained, *rest)
        likenesses.add(key)
        return notice

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "rehearse", rehearse)
        yield


@contextmanager
def _answered(reports: dict[Any, Any], is_compared: bool) -> Iterator[None]:
    real, compare = api.write_result, result.compare

    def write_result(trained: Any, folder: Any) -> None:
        key = _likeness(trained)

        def compared(*given: Any, **how: Any) -> Any:
            report = compare(*given, **how)
            if report.passed:
                reports[key] = report
            return report

        with pytest.MonkeyPatch.context() as patch:
            if key in reports and not is_compared and os.environ.get("WORLD_SIZE", "1") == "1":  # ranks do it together
                patch.setattr(result, "observe", lambda *given, **how: None)
                patch.setattr(result, "compare", lambda *given, **how: reports[key])
            else:
                patch.setattr(result, "compare", compared)
            real(trained, folder, continues=key not in reports)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api, "write_result", write_result)
        yield


def _likeness(trained: Any) -> Any:
    run, module = trained.run, trained.loaded.module
    return run.tuner.kind, str(getattr(getattr(module, "config", None), "model_type", "")), takes(run)
